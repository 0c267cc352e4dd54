/**
 * Turns of the event loop for those who have something to be done in one: account after account, and in each first come, first served.
 * A turn goes on for as long as it has time, so that many who want little do not wait for a turn each; after that, it is
 * everybody else's in this process.
 */

/** What one piece of work may take anyway: the calls that begin in 256 bytes. */
const TURN_MS = 1;
/** The most pieces of work that are scheduled for one turn: more would not be done in its time. */
const MOST_SCHEDULED = 64;

export class Turns {
  /** What waits, by account. The Map's order is the order in which the accounts have their turns. */
  private readonly waiting = new Map<string, (() => void)[]>();
  private waitingInAll = 0;
  private scheduled = 0;
  /** When the time of this turn is over; null as long as nothing was done in it. */
  private endsMs: number | null = null;

  constructor(private readonly nowMs = () => performance.now()) {}

  /** Does it: now, if nobody waits and this turn has time. */
  take(account: string, work: () => void): void {
    if (this.waitingInAll === 0 && this.hasTime()) {
      work();
      return;
    }
    const queue = this.waiting.get(account);
    if (queue === undefined) this.waiting.set(account, [work]);
    else queue.push(work);
    this.waitingInAll += 1;
    this.schedule();
  }

  /** Each for itself: what a piece of work leaves to promises and process.nextTick() is done, and its time counts, before the next one is. */
  private schedule(): void {
    if (this.scheduled >= Math.min(this.waitingInAll, MOST_SCHEDULED)) return;
    this.scheduled += 1;
    setImmediate(() => this.give());
  }

  private give(): void {
    this.scheduled -= 1;
    const work = this.hasTime() ? this.next() : undefined;
    this.schedule();
    work?.();
  }

  private hasTime(): boolean {
    if (this.endsMs === null) {
      this.endsMs = this.nowMs() + TURN_MS;
      // Before all that is scheduled from now on.
      setImmediate(() => {
        this.endsMs = null;
      });
      return true;
    }
    return this.nowMs() < this.endsMs;
  }

  private next(): (() => void) | undefined {
    const [first] = this.waiting;
    if (first === undefined) return undefined;
    const [account, queue] = first;
    const work = queue.shift();
    this.waitingInAll -= 1;
    this.waiting.delete(account);
    // The others are before what else waits of it.
    if (queue.length > 0) this.waiting.set(account, queue);
    return work;
  }
}
