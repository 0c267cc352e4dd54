/**
 * The order of CPU accesses to one buffer within this process. The daemon takes one access of a session to a
 * buffer at a time and refuses a second, so they queue here, first come first served.
 */
import { type CallLimits, waitWithin } from './call-limits';

/** A queue for one. */
export class Turns {
  #taken = false;
  #waiting: (() => void)[] = [];

  /** Waits for the turn. The caller calls what it resolves to, once, when it is done. */
  async enter(
    limits: CallLimits,
    what: string,
    signals: readonly AbortSignal[] = [],
  ): Promise<() => void> {
    await waitWithin<void>({
      limits,
      what,
      signals,
      start: (resolve) => {
        if (!this.#taken) {
          this.#taken = true;
          resolve();
          return () => {};
        }
        const waiter = () => resolve();
        this.#waiting.push(waiter);
        return () => {
          this.#waiting = this.#waiting.filter((other) => other !== waiter);
        };
      },
    });
    let left = false;
    return () => {
      if (left) return;
      left = true;
      const next = this.#waiting.shift();
      if (next === undefined) this.#taken = false;
      else next();
    };
  }
}
