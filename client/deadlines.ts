/**
 * The deadlines of what this process waits for, kept by one timer for all of them: a timer for each took 0.5 of the 15 µs of a FETCH, and hardly
 * one of them ever fires. The timer is left when nothing is waited for any more, and does not keep the
 * process alive then.
 */

/** The longest that setTimeout can wait: a larger number fires at once. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** A point in time, as performance.now() has it, and what is done there. */
export interface Deadline {
  readonly atMs: number;
  /** May come although the deadline has just been forgotten. */
  readonly expire: () => void;
}

class Deadlines {
  readonly #kept = new Set<Deadline>();
  #timer: NodeJS.Timeout | undefined;
  #firesAtMs = Number.POSITIVE_INFINITY;

  keep(deadline: Deadline): void {
    if (deadline.atMs === Number.POSITIVE_INFINITY) return;
    this.#kept.add(deadline);
    if (deadline.atMs < this.#firesAtMs) this.#fireAt(deadline.atMs);
    else if (this.#kept.size === 1) this.#timer?.ref();
  }

  forget(deadline: Deadline): void {
    this.#kept.delete(deadline);
    if (this.#kept.size === 0) this.#timer?.unref();
  }

  #fireAt(atMs: number): void {
    clearTimeout(this.#timer);
    this.#firesAtMs = atMs;
    const inMs = Math.min(Math.ceil(atMs - performance.now()), LONGEST_TIMER_MS);
    this.#timer = setTimeout(() => this.#fire(), inMs);
  }

  #fire(): void {
    this.#firesAtMs = Number.POSITIVE_INFINITY;
    const nowMs = performance.now();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const { atMs, expire } of this.#kept) {
      // Each on its own: what one throws must not keep another from its end.
      if (atMs <= nowMs) queueMicrotask(expire);
      else nextMs = Math.min(nextMs, atMs);
    }
    if (nextMs < Number.POSITIVE_INFINITY) this.#fireAt(nextMs);
  }
}

/** Those of this process. */
export const deadlines = new Deadlines();
