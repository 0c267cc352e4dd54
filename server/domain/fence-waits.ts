/**
 * Waits for one buffer's fences: those of accesses that have had their turn, and those of sessions that only want to know. It
 * remembers since when fences have been pending in each direction, so that whoever gives up can be told.
 */
import { type CpuAccessMode, writes } from './access';
import { abortReason, DomainError } from './errors';
import type { BufferId, SessionId } from './ids';
import type { Clock, Memory } from './ports';

/** What must be over before an access: outstanding writes, or everything outstanding. */
type Direction = 'read' | 'write';

interface PendingFences {
  readonly sinceMs: number;
  waiters: number;
}

export class FenceWaits {
  private readonly pending: Record<Direction, PendingFences | null> = { read: null, write: null };
  /** Of sessions that wait without an access. */
  private readonly bySession = new Map<SessionId, Set<AbortController>>();

  constructor(
    private readonly bufferId: BufferId,
    private readonly memory: Memory,
    private readonly clock: Clock,
  ) {}

  /** Resolves when nothing stands in the way of such an access. Rejects when the signal is aborted. */
  async untilIdle(mode: CpuAccessMode, signal: AbortSignal): Promise<void> {
    const direction = directionOf(mode);
    const pending = this.pending[direction] ?? { sinceMs: this.clock.now(), waiters: 0 };
    this.pending[direction] = pending;
    pending.waiters += 1;
    try {
      await this.memory.whenIdle(mode, signal);
    } finally {
      pending.waiters -= 1;
      if (pending.waiters === 0) this.pending[direction] = null;
    }
  }

  /** The same for a session without an access. Rejects with the signal's reason, and what it waited for. */
  async waitAs(sessionId: SessionId, mode: CpuAccessMode, signal: AbortSignal): Promise<void> {
    const drop = new AbortController();
    const ofSession = this.bySession.get(sessionId) ?? new Set();
    this.bySession.set(sessionId, ofSession.add(drop));
    const either = AbortSignal.any([signal, drop.signal]);
    try {
      await Promise.race([this.explainedAbort(either, mode), this.untilIdle(mode, either)]);
    } finally {
      ofSession.delete(drop);
      if (ofSession.size === 0) this.bySession.delete(sessionId);
    }
  }

  /** Ends what a session waits for without an access. */
  drop(sessionId: SessionId, reason: DomainError): void {
    for (const wait of this.bySession.get(sessionId) ?? []) wait.abort(reason);
  }

  /** The same of all sessions. */
  dropAll(reason: DomainError): void {
    for (const waits of this.bySession.values()) for (const wait of waits) wait.abort(reason);
  }

  /** For a person: which fences, and for how long they have been pending. */
  describe(mode: CpuAccessMode): string {
    const direction = directionOf(mode);
    const whose = direction === 'read' ? 'writes' : 'reads and writes';
    const sinceMs = this.pending[direction]?.sinceMs ?? this.clock.now();
    const pendingMs = Math.round(this.clock.now() - sinceMs);
    return `the fences of outstanding ${whose} by devices, which have been pending for ${pendingMs} ms at least`;
  }

  private explainedAbort(signal: AbortSignal, mode: CpuAccessMode): Promise<never> {
    return new Promise((_, reject) => {
      const explain = () => {
        const reason = abortReason(signal);
        const refused = `buffer ${this.bufferId} is not free for ${mode} access`;
        const message = `${reason.message}: ${refused}: ${this.describe(mode)}`;
        reject(new DomainError(reason.code, message));
      };
      if (signal.aborted) explain();
      else signal.addEventListener('abort', explain, { once: true });
    });
  }
}

function directionOf(mode: CpuAccessMode): Direction {
  return writes(mode) ? 'write' : 'read';
}
