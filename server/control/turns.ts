/** Turns of the event loop for those who have something to be done in one: account after account, and in each first come, first served. */
export class Turns {
  /** What waits, by account. The Map's order is the order in which the accounts have their turns. */
  private readonly waiting = new Map<string, (() => void)[]>();
  private isTaken = false;

  /** Does it in a turn of its own: now, if this one is free. */
  take(account: string, work: () => void): void {
    const queue = this.waiting.get(account);
    if (queue === undefined) this.waiting.set(account, [work]);
    else queue.push(work);
    if (!this.isTaken) this.give();
  }

  private give(): void {
    const [next] = this.waiting;
    if (next === undefined) return;
    const [account, queue] = next;
    const work = queue.shift();
    this.waiting.delete(account);
    // The others are before what else waits of it.
    if (queue.length > 0) this.waiting.set(account, queue);
    this.isTaken = true;
    setImmediate(() => {
      this.isTaken = false;
      this.give();
    });
    work?.();
  }
}
