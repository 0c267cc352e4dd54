/**
 * A queue, first come first served. The CPU accesses of this process to one buffer queue in one, because the daemon takes one of a
 * session at a time and refuses a second; and calls that may wait for long, so that they leave room to others.
 */
import { type CallLimits, requireTime, waitWithin } from './call-limits';

/** A queue for so many at once. */
export class Turns {
  #free: number;
  #waiting: (() => void)[] = [];

  constructor(atOnce = 1) {
    this.#free = atOnce;
  }

  /** Waits for the turn. The caller calls what it resolves to, once, when it is done. */
  async enter(
    limits: CallLimits,
    what: string,
    signals: readonly AbortSignal[] = [],
  ): Promise<() => void> {
    if (this.#free > 0) {
      requireTime(limits, what, signals);
      this.#free -= 1;
      return this.#leave();
    }
    await waitWithin<void>({
      limits,
      what,
      signals,
      start: (resolve) => {
        const waiter = () => resolve();
        this.#waiting.push(waiter);
        return () => {
          this.#waiting = this.#waiting.filter((other) => other !== waiter);
        };
      },
    });
    return this.#leave();
  }

  #leave(): () => void {
    let left = false;
    return () => {
      if (left) return;
      left = true;
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    };
  }
}
