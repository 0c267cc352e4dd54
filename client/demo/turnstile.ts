/**
 * Counts accesses that have ended, by buffer and session, from the daemon's events. With this alone producer and
 * consumers keep in step: a slot is read once more when it was written once more, and written again when all have read it.
 */
import type { BrokerEvent, EventStream } from '../index';

/** Follows an event stream until it ends. */
export class Turnstile {
  readonly #writes = new Map<number, number>();
  readonly #reads = new Map<string, number>();
  readonly #openedBy = new Map<number, Set<number>>();
  #waiting: (() => void)[] = [];
  #failure: Error | null = null;

  constructor(stream: EventStream) {
    void this.#follow(stream);
  }

  /** How many write accesses to a buffer have ended. */
  writes(bufferId: number): number {
    return this.#writes.get(bufferId) ?? 0;
  }

  /** How many read accesses to a buffer each of the sessions has ended, at least. */
  readsByEach(bufferId: number, sessions: readonly number[]): number {
    return Math.min(...sessions.map((session) => this.#reads.get(`${bufferId}/${session}`) ?? 0));
  }

  /** Which sessions have opened a buffer. */
  openedBy(bufferId: number): readonly number[] {
    return [...(this.#openedBy.get(bufferId) ?? [])];
  }

  /** Waits until a condition on what has been counted holds. Rejects at the deadline, or when the events end. */
  async until(condition: () => boolean, what: string, timeoutMs: number): Promise<void> {
    let expired = false;
    const timer = setTimeout(() => {
      expired = true;
      this.#wake();
    }, timeoutMs);
    try {
      while (!condition()) {
        if (this.#failure !== null) throw this.#failure;
        if (expired) throw new Error(`${what}: not within ${timeoutMs} ms`);
        await new Promise<void>((resolve) => {
          this.#waiting.push(resolve);
        });
      }
    } finally {
      clearTimeout(timer);
    }
  }

  async #follow(stream: EventStream): Promise<void> {
    try {
      for await (const event of stream) this.#take(event);
      this.#failure = new Error('the event stream was closed');
    } catch (error) {
      this.#failure = error instanceof Error ? error : new Error(String(error));
    }
    this.#wake();
  }

  #take(event: BrokerEvent): void {
    if (event.type === 'cpu-access-ended' && event.writes) {
      this.#writes.set(event.bufferId, this.writes(event.bufferId) + 1);
    } else if (event.type === 'cpu-access-ended') {
      const key = `${event.bufferId}/${event.sessionId}`;
      this.#reads.set(key, (this.#reads.get(key) ?? 0) + 1);
    } else if (event.type === 'lease-opened') {
      const sessions = this.#openedBy.get(event.bufferId) ?? new Set<number>();
      this.#openedBy.set(event.bufferId, sessions.add(event.sessionId));
    }
    this.#wake();
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
