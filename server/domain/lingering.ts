/**
 * Buffers that nobody leases any more, but that somebody still has open: an fd once given cannot be taken back, and neither can
 * the memory. They stay charged, and visible to whoever may inspect, until the kernel says that nobody else
 * has them. The kernel tells no one, so it is asked from time to time: soon at first, then less often.
 */
import type { Clock } from './ports';
import type { BufferRecord } from './records';

const FIRST_PAUSE_MS = 10;
const LONGEST_PAUSE_MS = 1_000;
/** Asking takes some microseconds each; more than this wait for the next time. */
const MAX_ASKED_AT_ONCE = 256;
/** Whoever would be refused for want of room has the kernel asked, but not as often as he likes. */
const LEAST_PAUSE_MS = 5;

/** Those of one account. */
interface Share {
  readonly buffers: Set<BufferRecord>;
  bytes: number;
  asking: Promise<void> | null;
}

export class Lingering {
  /** The Map's order is the order in which the accounts are asked about. */
  private readonly shares = new Map<string, Share>();
  private cancelTimer: (() => void) | null = null;
  private pauseMs = FIRST_PAUSE_MS;

  constructor(
    private readonly clock: Clock,
    private readonly onGone: (buffer: BufferRecord) => void,
  ) {}

  /** Bytes that an account pays for although nobody leases them. */
  bytesOf(account: string): number {
    return this.shares.get(account)?.bytes ?? 0;
  }

  /** Takes a buffer whose last lease has ended. If nobody else has it, it is gone at once. */
  add(buffer: BufferRecord): void {
    buffer.memory.withdraw();
    if (isGone(buffer)) {
      this.onGone(buffer);
      return;
    }
    const { account, bytes } = buffer.charge;
    const share = this.shares.get(account) ?? { buffers: new Set(), bytes: 0, asking: null };
    share.buffers.add(buffer);
    share.bytes += bytes;
    this.shares.set(account, share);
    this.pauseMs = FIRST_PAUSE_MS;
    this.arm();
  }

  /** Asks about an account's soon, for somebody who would be refused. */
  askSoon(account: string): Promise<void> {
    const share = this.shares.get(account);
    if (share === undefined) return Promise.resolve();
    share.asking ??= new Promise((resolve) => {
      this.clock.after(LEAST_PAUSE_MS, () => {
        share.asking = null;
        // All of them may be gone by now, and others have come.
        const current = this.shares.get(account);
        if (current !== undefined) this.ask(account, current, MAX_ASKED_AT_ONCE);
        resolve();
      });
    });
    return share.asking;
  }

  /** Asks about some of each account, which then come last. Answers how many more may be asked about. */
  private ask(account: string, share: Share, most: number): number {
    const asked = [...share.buffers].slice(0, most);
    for (const buffer of asked) {
      share.buffers.delete(buffer);
      if (isGone(buffer)) {
        share.bytes -= buffer.charge.bytes;
        this.onGone(buffer);
      } else {
        share.buffers.add(buffer);
      }
    }
    this.shares.delete(account);
    if (share.buffers.size > 0) this.shares.set(account, share);
    return most - asked.length;
  }

  private askAll(): void {
    let most = MAX_ASKED_AT_ONCE;
    for (const [account, share] of [...this.shares]) {
      if (most === 0) return;
      most = this.ask(account, share, most);
    }
  }

  private arm(): void {
    this.cancelTimer?.();
    this.cancelTimer = this.clock.after(this.pauseMs, () => {
      this.cancelTimer = null;
      this.askAll();
      this.pauseMs = Math.min(2 * this.pauseMs, LONGEST_PAUSE_MS);
      if (this.shares.size > 0) this.arm();
    });
  }
}

/** Where the kernel does not tell, nothing can be waited for. */
function isGone({ memory }: BufferRecord): boolean {
  return (memory.referencesElsewhere() ?? 0) === 0;
}
