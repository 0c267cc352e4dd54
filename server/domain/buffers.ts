/** What can be done with buffers that are there: looking at them, accessing them, letting them go. */
import type { Access, CpuAccessMode } from './access';
import { includesAccess, writes } from './access';
import type { Auditor } from './audit';
import type { Caller, Callers } from './callers';
import type { CpuAccessEntry } from './cpu-access';
import { DomainError } from './errors';
import type { SessionId } from './ids';
import { type Leases, viewBuffer, viewLease } from './leases';
import { noSuchBuffer } from './ledger';
import type { Memory } from './ports';
import type { BufferRecord, Session } from './records';
import type { BufferView, FormerHolderView, LeaseView } from './views';

/** What the caller may know of a buffer. */
export interface BufferDetails {
  readonly buffer: BufferView;
  readonly leases: readonly LeaseView[];
  readonly cpuAccesses: readonly CpuAccessEntry[];
  /** Only for those who see all leases. */
  readonly formerHolders: readonly FormerHolderView[];
  /** References that others have to the memory, as the kernel counts them; null if it does not tell, or not to this caller. */
  readonly referencesElsewhere: number | null;
}

export class Buffers {
  constructor(
    private readonly leases: Leases,
    private readonly callers: Callers,
    private readonly auditor: Auditor,
  ) {}

  /** Owners and those who may inspect see all leases, others their own. */
  describe(caller: Caller, bufferId: number): BufferDetails {
    const session = this.callers.sessionForInspection(caller);
    const buffer = this.visible(caller, session, bufferId);
    const lease = session?.leases.get(buffer.id) ?? null;
    const seesAll = lease?.isOwner === true || this.callers.mayInspect(caller.peer);
    const own = lease === null ? [] : [lease];
    return {
      buffer: viewBuffer(buffer, lease),
      leases: (seesAll ? [...buffer.leases.values()] : own).map(viewLease),
      cpuAccesses: buffer.cpuAccess?.entries() ?? [],
      formerHolders: seesAll ? this.leases.formerHolders(buffer) : [],
      referencesElsewhere: seesAll ? buffer.memory.referencesElsewhere() : null,
    };
  }

  /** The session's buffers with ids above `after`, ascending. */
  list(sessionId: SessionId, after: number, count: number): BufferView[] {
    const session = this.leases.ledger.session(sessionId);
    const page = this.leases.ledger.leasesAfter(session, after, count);
    return page.map((lease) => viewBuffer(lease.buffer, lease));
  }

  /** The same of all sessions, and those that nobody leases any more, for those who may inspect. */
  listAll(caller: Caller, after: number, count: number): BufferView[] {
    this.callers.requireInspector(caller.peer, 'list the buffers of all sessions');
    const id = caller.sessionId;
    const page = this.leases.ledger.buffersAfter(after, count);
    return page.map((buffer) => viewBuffer(buffer, (id && buffer.leases.get(id)) ?? null));
  }

  release(sessionId: SessionId, bufferId: number): void {
    const session = this.leases.ledger.session(sessionId);
    this.auditor.watch(
      { action: 'release', peer: session.peer, sessionId, details: { bufferId } },
      () => this.leases.end(this.leases.ledger.lease(session, bufferId), 'released'),
    );
  }

  /** Bytes, as the kernel says now; null if it does not tell. */
  querySize(caller: Caller, bufferId: number): number | null {
    const session = this.callers.sessionForInspection(caller);
    return this.visible(caller, session, bufferId).memory.querySize();
  }

  /** The kernel object, for what only the adapters can do with it (fences). */
  memoryFor(sessionId: SessionId, bufferId: number, wanted: Access): Memory {
    const session = this.leases.ledger.session(sessionId);
    const lease = this.leases.ledger.lease(session, bufferId);
    if (!includesAccess(lease.access, wanted)) {
      throw new DomainError(
        'permission-denied',
        `session ${sessionId} holds a read lease on buffer ${bufferId}, writing needs a read-write one`,
      );
    }
    return lease.buffer.memory;
  }

  beginCpuAccess(
    sessionId: SessionId,
    bufferId: number,
    mode: CpuAccessMode,
    signal: AbortSignal,
  ): Promise<void> {
    this.memoryFor(sessionId, bufferId, writes(mode) ? 'read-write' : 'read');
    const session = this.leases.ledger.session(sessionId);
    const { buffer } = this.leases.ledger.lease(session, bufferId);
    return this.leases.cpuAccessOf(buffer).begin(session, mode, signal);
  }

  /** Waits until no fence stands in the way of such an access, which any lease allows to ask. */
  waitForFences(
    sessionId: SessionId,
    bufferId: number,
    mode: CpuAccessMode,
    signal: AbortSignal,
  ): Promise<void> {
    const session = this.leases.ledger.session(sessionId);
    const { buffer } = this.leases.ledger.lease(session, bufferId);
    return this.leases.cpuAccessOf(buffer).fences.waitAs(sessionId, mode, signal);
  }

  endCpuAccess(sessionId: SessionId, bufferId: number): Promise<void> {
    const session = this.leases.ledger.session(sessionId);
    const { buffer } = this.leases.ledger.lease(session, bufferId);
    return this.leases.cpuAccessOf(buffer).end(sessionId);
  }

  /** A buffer that the session leases, or, for those who may inspect, any. */
  private visible(caller: Caller, session: Session | null, bufferId: number): BufferRecord {
    if (this.callers.mayInspect(caller.peer)) {
      const buffer = this.leases.ledger.findBuffer(bufferId);
      if (buffer !== undefined) return buffer;
      throw new DomainError('not-found', `there is no buffer ${bufferId}`);
    }
    if (session === null) throw noSuchBuffer(bufferId);
    return this.leases.ledger.lease(session, bufferId).buffer;
  }
}
