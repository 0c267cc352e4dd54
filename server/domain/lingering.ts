/**
 * Buffers that nobody leases any more, but that somebody still has open: an fd once given cannot be taken back, and neither can
 * the memory. They stay charged, and visible to whoever may inspect, until the kernel says that nobody else
 * has them. The kernel tells no one, so it is asked from time to time: soon at first, then less often.
 */
import type { BufferId } from './ids';
import type { Clock } from './ports';
import type { BufferRecord } from './records';

const FIRST_PAUSE_MS = 10;
const LONGEST_PAUSE_MS = 1_000;
/** Asking takes some microseconds each; more than this wait for the next time. */
const MAX_ASKED_AT_ONCE = 256;
/** Whoever would be refused for want of room has the kernel asked, but not as often as he likes. */
const LEAST_PAUSE_MS = 5;

export class Lingering {
  private readonly buffers = new Map<BufferId, BufferRecord>();
  private readonly bytes = new Map<string, number>();
  private cancelTimer: (() => void) | null = null;
  private pauseMs = FIRST_PAUSE_MS;
  private askedAtMs = Number.NEGATIVE_INFINITY;
  private asking: Promise<void> | null = null;

  constructor(
    private readonly clock: Clock,
    private readonly onGone: (buffer: BufferRecord) => void,
  ) {}

  /** Bytes that an account pays for although nobody leases them. */
  bytesOf(account: string): number {
    return this.bytes.get(account) ?? 0;
  }

  /** Takes a buffer whose last lease has ended. If nobody else has it, it is gone at once. */
  add(buffer: BufferRecord): void {
    buffer.memory.withdraw();
    if (isGone(buffer)) {
      this.onGone(buffer);
      return;
    }
    this.buffers.set(buffer.id, buffer);
    this.count(buffer, 1);
    this.pauseMs = FIRST_PAUSE_MS;
    this.arm();
  }

  /** Asks now, or soon if it has just been done, for somebody who would be refused. */
  askSoon(): Promise<void> {
    if (this.buffers.size === 0) return Promise.resolve();
    this.asking ??= new Promise((resolve) => {
      const sinceMs = this.clock.now() - this.askedAtMs;
      this.clock.after(Math.max(LEAST_PAUSE_MS - sinceMs, 0), () => {
        this.asking = null;
        this.ask();
        resolve();
      });
    });
    return this.asking;
  }

  private ask(): void {
    this.askedAtMs = this.clock.now();
    for (const buffer of [...this.buffers.values()].slice(0, MAX_ASKED_AT_ONCE)) {
      this.buffers.delete(buffer.id);
      if (isGone(buffer)) {
        this.count(buffer, -1);
        this.onGone(buffer);
      } else {
        // Behind the others, so that all have their turn.
        this.buffers.set(buffer.id, buffer);
      }
    }
  }

  private count({ charge }: BufferRecord, sign: 1 | -1): void {
    const bytes = this.bytesOf(charge.account) + sign * charge.bytes;
    if (bytes === 0) this.bytes.delete(charge.account);
    else this.bytes.set(charge.account, bytes);
  }

  private arm(): void {
    this.cancelTimer?.();
    this.cancelTimer = this.clock.after(this.pauseMs, () => {
      this.cancelTimer = null;
      this.ask();
      this.pauseMs = Math.min(2 * this.pauseMs, LONGEST_PAUSE_MS);
      if (this.buffers.size > 0) this.arm();
    });
  }
}

/** Where the kernel does not tell, nothing can be waited for. */
function isGone({ memory }: BufferRecord): boolean {
  return (memory.referencesElsewhere() ?? 0) === 0;
}
