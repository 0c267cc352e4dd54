/**
 * What gives this session something: allocations, adoptions, openings, grants. Each is one attempt, from the call until what it
 * gave is entered here. Whoever compares what is entered with what the daemon has waits until none is under way, and lets none
 * begin meanwhile.
 */
import { type CallLimits, waitWithin } from './call-limits';

export class Takings {
  #underWay = 0;
  #onQuiet: (() => void)[] = [];
  #held: Promise<void> | null = null;

  /** Runs an attempt, which is not to wait for {@link whileNone}. */
  async attempt<T>(limits: CallLimits, what: string, run: () => Promise<T>): Promise<T> {
    while (this.#held !== null) await until(this.#held, limits, what);
    this.#underWay += 1;
    try {
      return await run();
    } finally {
      this.#underWay -= 1;
      if (this.#underWay === 0) for (const resolve of this.#onQuiet.splice(0)) resolve();
    }
  }

  /** Runs something while no attempt is under way. One after the other. */
  async whileNone<T>(limits: CallLimits, what: string, run: () => Promise<T>): Promise<T> {
    while (this.#held !== null) await until(this.#held, limits, what);
    let release = () => {};
    this.#held = new Promise((resolve) => {
      release = resolve;
    });
    try {
      await this.#untilQuiet(limits, what);
      return await run();
    } finally {
      this.#held = null;
      release();
    }
  }

  async #untilQuiet(limits: CallLimits, what: string): Promise<void> {
    if (this.#underWay === 0) return;
    await waitWithin<void>({
      limits,
      what,
      start: (resolve) => {
        this.#onQuiet.push(resolve);
        return () => {};
      },
    });
  }
}

function until(free: Promise<void>, limits: CallLimits, what: string): Promise<void> {
  return waitWithin<void>({
    limits,
    what,
    start: (resolve) => {
      void free.then(resolve);
      return () => {};
    },
  });
}
