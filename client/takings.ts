/**
 * What gives this session something: allocations, adoptions, openings, grants. Each is one attempt, from the call until what it
 * gave is entered here. Whoever compares what is entered with what the daemon has waits until none is under way, and lets none
 * begin meanwhile.
 */
export class Takings {
  #underWay = 0;
  #onQuiet: (() => void)[] = [];
  #held: Promise<void> | null = null;

  /** Runs an attempt, which is not to wait for {@link whileNone}. */
  async attempt<T>(run: () => Promise<T>): Promise<T> {
    while (this.#held !== null) await this.#held;
    this.#underWay += 1;
    try {
      return await run();
    } finally {
      this.#underWay -= 1;
      if (this.#underWay === 0) for (const resolve of this.#onQuiet.splice(0)) resolve();
    }
  }

  /** Runs something while no attempt is under way. One after the other. */
  async whileNone<T>(run: () => Promise<T>): Promise<T> {
    while (this.#held !== null) await this.#held;
    let release = () => {};
    this.#held = new Promise((resolve) => {
      release = resolve;
    });
    try {
      if (this.#underWay > 0) await new Promise<void>((resolve) => this.#onQuiet.push(resolve));
      return await run();
    } finally {
      this.#held = null;
      release();
    }
  }
}
