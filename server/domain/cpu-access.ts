/**
 * CPU access to one buffer: the arbiter gives exclusion, then the fences are waited for, then the kernel is told
 * (SYNC START). SYNC END is owed from the moment START resolves, and is issued exactly once for it, with
 * the same direction, however the access ends: by its holder, by a caller that went away while START was under way, or with
 * the session. The turn is held until END has returned, so that nobody is let in before.
 */
import { type CpuAccessMode, writes } from './access';
import { Arbiter, type Turn } from './arbiter';
import { abortReason, DomainError } from './errors';
import type { Keeper } from './facts';
import { FenceWaits } from './fence-waits';
import type { BufferId, SessionId } from './ids';
import { describePeer, type Peer } from './peer';
import type { Clock, Memory, Reporter } from './ports';

/** Who accesses. */
export interface Accessor {
  readonly id: SessionId;
  readonly peer: Peer;
}

/** An access that is open, or somebody who waits for one. */
export interface CpuAccessEntry {
  readonly sessionId: SessionId;
  readonly peer: Peer;
  readonly writes: boolean;
  readonly held: boolean;
  /** It has its turn and waits for the buffer's fences. */
  readonly waitsForFences: boolean;
  readonly sinceMs: number;
}

/** How many accesses the daemon has in all; shared by all buffers. */
export interface CpuAccessTally {
  open: number;
  waiting: number;
}

/** What a {@link CpuAccess} needs and tells. */
export interface CpuAccessContext {
  readonly clock: Clock;
  readonly reporter: Reporter;
  readonly keeper: Pick<Keeper, 'keepCpuAccess' | 'forgetCpuAccess'>;
  readonly tally: CpuAccessTally;
  /** Waits that last longer are told of. */
  readonly slowWaitMs: number;
  readonly onBegan: (sessionId: SessionId, writes: boolean) => void;
  readonly onEnded: (sessionId: SessionId, writes: boolean) => void;
  readonly onDelayed: (sessionId: SessionId, delay: Delay) => void;
}

/** A wait that has become long. */
export interface Delay {
  readonly writes: boolean;
  readonly waitedMs: number;
  /** Who or what it waits for, for a person. */
  readonly obstacle: string;
}

type Stage = 'queue' | 'fences' | 'start' | 'open' | 'ending';

class Attempt {
  stage: Stage = 'queue';
  /** Why nobody waits for it or holds it any more; what the kernel is owed is still to be done. Null as long as somebody does. */
  abandoned: DomainError | null = null;
  /** Told of it. */
  onAbandoned: (reason: DomainError) => void = () => {};
  turn: Turn<Attempt> | undefined;
  sinceMs: number;
  private controller: AbortController | null = null;
  /** Resolves when it has left, and the kernel is owed nothing. */
  readonly over: Promise<void>;
  setOver = () => {};

  constructor(
    readonly accessor: Accessor,
    readonly mode: CpuAccessMode,
    nowMs: number,
    /** An earlier process of the daemon began it, or was about to. */
    readonly isResumed = false,
  ) {
    this.sinceMs = nowMs;
    this.over = new Promise((resolve) => {
      this.setOver = resolve;
    });
  }

  /** Aborted when it is abandoned. Not made before it is asked for: making one is dear beside the rest of an access that need not wait. */
  get signal(): AbortSignal {
    this.controller ??= new AbortController();
    if (this.abandoned !== null) this.controller.abort(this.abandoned);
    return this.controller.signal;
  }

  abandon(reason: DomainError): void {
    this.abandoned = reason;
    this.controller?.abort(reason);
    this.onAbandoned(reason);
  }
}

export class CpuAccess {
  readonly fences: FenceWaits;
  private readonly arbiter = new Arbiter<Attempt>();
  /** At most one access or wait for each session. */
  private readonly attempts = new Map<SessionId, Attempt>();
  /** No longer the session's, but the kernel is still busy with them: given up during START, or ending. At most one for each session. */
  private readonly leaving = new Map<SessionId, Attempt>();
  private onUnused: (() => void) | null = null;

  constructor(
    private readonly bufferId: BufferId,
    private readonly memory: Memory,
    private readonly context: CpuAccessContext,
  ) {
    this.fences = new FenceWaits(bufferId, memory, context.clock);
  }

  /** Rejects with the signal's reason, and tells what it waited for. */
  async begin(accessor: Accessor, mode: CpuAccessMode, signal: AbortSignal): Promise<void> {
    const other = this.attempts.get(accessor.id);
    if (other !== undefined) throw this.alreadyBegun(other);
    if (signal.aborted) throw abortReason(signal);
    const attempt = new Attempt(accessor, mode, this.context.clock.now());
    this.attempts.set(accessor.id, attempt);
    this.context.tally.waiting += 1;
    const onCallAbort = () => this.abandon(attempt, abortReason(signal));
    signal.addEventListener('abort', onCallAbort, { once: true });
    const { clock, slowWaitMs } = this.context;
    const cancelTimer = clock.after(slowWaitMs, () => this.tellDelay(attempt));
    try {
      await this.untilOpenOrAbandoned(attempt);
    } finally {
      cancelTimer();
      signal.removeEventListener('abort', onCallAbort);
    }
  }

  /**
   * Takes over an access that an earlier process of the daemon had begun: it is open, and an END is owed. False if another one,
   * with which it cannot have been, is there already.
   */
  resume(accessor: Accessor, mode: CpuAccessMode): boolean {
    if (this.attempts.has(accessor.id)) return false;
    const attempt = new Attempt(accessor, mode, this.context.clock.now(), true);
    const turn = this.arbiter.enter(attempt, writes(mode), () => {});
    if (turn.state !== 'held') {
      this.arbiter.leave(turn);
      return false;
    }
    attempt.turn = turn;
    attempt.stage = 'open';
    this.attempts.set(accessor.id, attempt);
    this.context.tally.open += 1;
    return true;
  }

  /** Resolves when SYNC END has returned, also that of an access which was given up. */
  async end(sessionId: SessionId): Promise<void> {
    const attempt = this.attempts.get(sessionId);
    const leaving = this.leaving.get(sessionId);
    if (attempt === undefined && leaving?.abandoned) return leaving.over;
    if (attempt?.stage !== 'open') {
      const state = attempt === undefined ? 'has no access' : 'still waits for its access';
      throw new DomainError(
        'failed-precondition',
        `session ${sessionId} ${state} to buffer ${this.bufferId}: nothing to end`,
      );
    }
    this.attempts.delete(sessionId);
    await this.finish(attempt);
  }

  /** Ends whatever the session has here. What the kernel is owed is done in the background. */
  drop(sessionId: SessionId, reason: DomainError): void {
    this.fences.drop(sessionId, reason);
    const attempt = this.attempts.get(sessionId);
    if (attempt === undefined) return;
    if (attempt.stage !== 'open') {
      this.abandon(attempt, reason);
      return;
    }
    this.attempts.delete(sessionId);
    void this.finishUnheard(attempt);
  }

  /** Ends all waits. What is open stays open: a later process takes it over. */
  handOver(reason: DomainError): void {
    this.fences.dropAll(reason);
    for (const attempt of [...this.attempts.values()]) this.abandon(attempt, reason);
  }

  /** Calls back once nobody is in, waits, or has the kernel busy; at once if that is so now. */
  whenUnused(callback: () => void): void {
    if (this.arbiter.isIdle) callback();
    else this.onUnused = callback;
  }

  entries(): CpuAccessEntry[] {
    return Array.from(this.arbiter.turns(), ({ owner }) => ({
      sessionId: owner.accessor.id,
      peer: owner.accessor.peer,
      writes: writes(owner.mode),
      held: owner.stage === 'open' || owner.stage === 'ending',
      waitsForFences: owner.stage === 'fences' || owner.stage === 'start',
      sinceMs: owner.sinceMs,
    }));
  }

  /** Rejects once the attempt is given up, with what it waited for then. */
  private untilOpenOrAbandoned(attempt: Attempt): Promise<void> {
    return new Promise((resolve, reject) => {
      attempt.onAbandoned = (reason) => reject(this.explain(attempt, reason));
      this.run(attempt).then(resolve, reject);
    });
  }

  /** From the queue to an open access. Whatever happens on the way, what was taken is given back. */
  private async run(attempt: Attempt): Promise<void> {
    await new Promise<void>((resolve) => {
      attempt.turn = this.arbiter.enter(attempt, writes(attempt.mode), resolve);
    });
    // One at a time of a session: what is kept of it is one record, and whoever begins and gives up again and again
    // keeps the kernel no busier than anybody else.
    await this.leaving.get(attempt.accessor.id)?.over;
    // Its books were closed when it left the queue.
    if (attempt.abandoned) return;
    try {
      while (!(await this.start(attempt)));
    } catch (error) {
      this.context.tally.waiting -= 1;
      this.forget(attempt);
      this.leave(attempt);
      throw error;
    }
    await this.started(attempt);
  }

  /** False if fences came in between the wait for them and the START. */
  private async start(attempt: Attempt): Promise<boolean> {
    if (!attempt.abandoned) {
      attempt.stage = 'fences';
      if (!this.memory.isIdle(attempt.mode)) {
        await this.fences.untilIdle(attempt.mode, attempt.signal);
      }
    }
    if (attempt.abandoned) throw attempt.abandoned;
    attempt.stage = 'start';
    return this.startInKernel(attempt);
  }

  /** Kept from before START until after END: a later process ends what this one has begun. */
  private async startInKernel({ accessor, mode }: Attempt): Promise<boolean> {
    const { bufferId } = this;
    this.context.keeper.keepCpuAccess({ sessionId: accessor.id, bufferId, mode });
    let hasBegun = false;
    try {
      hasBegun = await this.memory.beginCpuAccess(mode);
    } finally {
      if (!hasBegun) this.context.keeper.forgetCpuAccess(accessor.id, bufferId);
    }
    return hasBegun;
  }

  private tellDelay(attempt: Attempt): void {
    if (attempt.abandoned || attempt.stage === 'open' || attempt.stage === 'ending') return;
    const waitedMs = Math.round(this.context.clock.now() - attempt.sinceMs);
    const delay = { writes: writes(attempt.mode), waitedMs, obstacle: this.obstacle(attempt) };
    this.context.onDelayed(attempt.accessor.id, delay);
  }

  private async started(attempt: Attempt): Promise<void> {
    this.context.tally.waiting -= 1;
    this.context.tally.open += 1;
    attempt.sinceMs = this.context.clock.now();
    if (attempt.abandoned) {
      await this.finishUnheard(attempt);
      return;
    }
    attempt.stage = 'open';
    this.context.onBegan(attempt.accessor.id, writes(attempt.mode));
  }

  private async finish(attempt: Attempt): Promise<void> {
    const wasOpen = attempt.stage === 'open';
    attempt.stage = 'ending';
    this.leaving.set(attempt.accessor.id, attempt);
    try {
      await this.memory.endCpuAccess(attempt.mode);
    } catch (error) {
      // Whether its START ever came to be is not known, and without one some exporters refuse the END.
      if (!attempt.isResumed) throw error;
      this.reportUnheard(attempt, error);
    } finally {
      this.context.keeper.forgetCpuAccess(attempt.accessor.id, this.bufferId);
      this.context.tally.open -= 1;
      if (wasOpen) this.context.onEnded(attempt.accessor.id, writes(attempt.mode));
      this.leave(attempt);
    }
  }

  /** Nobody waits for the outcome, so an error of the kernel goes to the log. */
  private async finishUnheard(attempt: Attempt): Promise<void> {
    try {
      await this.finish(attempt);
    } catch (error) {
      this.reportUnheard(attempt, error);
    }
  }

  private reportUnheard({ accessor }: Attempt, error: unknown): void {
    const whose = `session ${accessor.id}'s access to buffer ${this.bufferId}`;
    this.context.reporter.report(error, `ending ${whose}`);
  }

  private abandon(attempt: Attempt, reason: DomainError): void {
    if (attempt.abandoned || attempt.stage === 'open' || attempt.stage === 'ending') return;
    this.forget(attempt);
    if (attempt.stage === 'start') this.leaving.set(attempt.accessor.id, attempt);
    attempt.abandon(reason);
    // Whom the kernel does not know yet leaves the queue at once, and the books are closed here.
    if (attempt.stage !== 'queue') return;
    this.context.tally.waiting -= 1;
    this.leave(attempt);
  }

  private forget(attempt: Attempt): void {
    if (this.attempts.get(attempt.accessor.id) === attempt) {
      this.attempts.delete(attempt.accessor.id);
    }
  }

  private leave(attempt: Attempt): void {
    if (attempt.turn !== undefined) this.arbiter.leave(attempt.turn);
    if (this.leaving.get(attempt.accessor.id) === attempt) {
      this.leaving.delete(attempt.accessor.id);
    }
    attempt.setOver();
    if (!this.arbiter.isIdle || this.onUnused === null) return;
    const onUnused = this.onUnused;
    this.onUnused = null;
    onUnused();
  }

  private alreadyBegun(other: Attempt): DomainError {
    const state = other.stage === 'open' ? 'has' : 'waits for';
    return new DomainError(
      'failed-precondition',
      `session ${other.accessor.id} already ${state} an access to buffer ${this.bufferId} (${other.mode}): end it first, accesses are neither nested nor upgraded`,
    );
  }

  private explain(attempt: Attempt, reason: DomainError): DomainError {
    const waitedMs = Math.round(this.context.clock.now() - attempt.sinceMs);
    const waited = `${attempt.mode} access to buffer ${this.bufferId} had waited ${waitedMs} ms for`;
    return new DomainError(reason.code, `${reason.message}: ${waited} ${this.obstacle(attempt)}`);
  }

  private obstacle(attempt: Attempt): string {
    if (attempt.stage === 'fences') return this.fences.describe(attempt.mode);
    if (attempt.stage === 'start') return 'the kernel (DMA_BUF_IOCTL_SYNC START has not returned)';
    if (attempt.turn?.state === 'held')
      return 'the kernel (the access that this session had before has not ended)';
    for (const { owner } of this.arbiter.turns()) {
      if (owner === attempt) break;
      // Readers are in nobody's way but a writer's.
      if (!writes(owner.mode) && !writes(attempt.mode)) continue;
      return `its turn: session ${owner.accessor.id} of ${describePeer(owner.accessor.peer)} ${doing(owner)}`;
    }
    return 'its turn';
  }
}

function doing({ mode, stage }: Attempt): string {
  const does = writes(mode) ? 'writes' : 'reads';
  const wants = writes(mode) ? 'waits to write' : 'waits to read';
  switch (stage) {
    case 'open':
    case 'ending':
      return does;
    case 'queue':
      return wants;
    case 'fences':
    case 'start':
      return `${wants}, for fences`;
  }
}
