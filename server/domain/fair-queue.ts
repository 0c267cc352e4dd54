/**
 * Work that a client asks for and that takes long, such as having memory zeroed. A few pieces are under way at once, one of each
 * account, and the accounts take turns: however much one asks for, another waits for one piece of its.
 */
import { abortReason } from './errors';

export class FairQueue {
  /** Those who wait, by account. The Map's order is the order in which the accounts have their turns. */
  private readonly waiting = new Map<string, Set<() => void>>();
  private readonly busy = new Set<string>();

  constructor(private readonly atOnce: number) {}

  /** Waits for its turn, then works. Rejects with the signal's reason if it is aborted while it waits. */
  async run<Result>(
    account: string,
    work: () => Promise<Result>,
    signal?: AbortSignal,
  ): Promise<Result> {
    await this.turn(account, signal);
    try {
      return await work();
    } finally {
      this.busy.delete(account);
      this.putLast(account);
      this.advance();
    }
  }

  private turn(account: string, signal: AbortSignal = new AbortController().signal): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.remove(account, go);
        reject(abortReason(signal));
      };
      const go = () => {
        signal.removeEventListener('abort', leave);
        resolve();
      };
      if (signal.aborted) {
        reject(abortReason(signal));
        return;
      }
      signal.addEventListener('abort', leave, { once: true });
      const ofAccount = this.waiting.get(account) ?? new Set();
      this.waiting.set(account, ofAccount.add(go));
      this.advance();
    });
  }

  private advance(): void {
    for (const [account, [go]] of [...this.waiting]) {
      if (this.busy.size >= this.atOnce) return;
      if (go === undefined || this.busy.has(account)) continue;
      this.busy.add(account);
      this.remove(account, go);
      go();
    }
  }

  /** It has had its turn: the others are before what else waits of it. */
  private putLast(account: string): void {
    const ofAccount = this.waiting.get(account);
    if (ofAccount === undefined) return;
    this.waiting.delete(account);
    this.waiting.set(account, ofAccount);
  }

  private remove(account: string, go: () => void): void {
    const ofAccount = this.waiting.get(account);
    ofAccount?.delete(go);
    if (ofAccount?.size === 0) this.waiting.delete(account);
  }
}
