/** Buffers come (allocated or adopted), are looked at, and are let go. */
import type { Access, CpuAccessMode } from './access';
import { includesAccess, writes } from './access';
import type { Caller, Callers } from './callers';
import type { CpuAccessEntry } from './cpu-access';
import { abortReason, DomainError } from './errors';
import type { HeapCatalogue } from './heaps';
import type { SessionId } from './ids';
import { type Leases, type NewBuffer, viewBuffer, viewLease } from './leases';
import { noSuchBuffer } from './ledger';
import type { Limits } from './limits';
import { checkLabel } from './names';
import type { Memory } from './ports';
import type { Charge, Quota } from './quota';
import type { BufferRecord, Session } from './records';
import type { BufferView, LeaseView } from './views';

/** What the caller may know of a buffer. */
export interface BufferDetails {
  readonly buffer: BufferView;
  readonly leases: readonly LeaseView[];
  readonly cpuAccesses: readonly CpuAccessEntry[];
}

export class Buffers {
  constructor(
    private readonly leases: Leases,
    private readonly quota: Quota,
    private readonly heaps: HeapCatalogue,
    private readonly callers: Callers,
    private readonly limits: Limits,
  ) {}

  /** The memory is given back if the session or the call ends while the heap is at work. */
  async allocate(
    sessionId: SessionId,
    request: { readonly heap: string; readonly sizeBytes: number; readonly label: string },
    signal: AbortSignal,
  ): Promise<BufferView> {
    const session = this.leases.ledger.session(sessionId);
    const heap = this.heaps.choose(request.heap);
    checkLabel(request.label);
    this.checkSize(request.sizeBytes, heap.description);
    this.leases.checkRoom(session);
    const sizeBytes = heap.roundUp(request.sizeBytes);
    const charge = this.quota.reserve(session.peer.uid, sizeBytes);
    let memory: Memory;
    try {
      memory = await heap.allocate({ sizeBytes, label: request.label });
    } catch (error) {
      charge.refund();
      throw error;
    }
    try {
      if (signal.aborted) throw abortReason(signal);
      if (session.ended) {
        throw new DomainError('cancelled', `session ${session.id} ended during the allocation`);
      }
      this.leases.checkRoom(session);
      if (memory.sizeBytes !== null) charge.settle(memory.sizeBytes);
      const { name } = heap.description;
      const { label } = request;
      return this.enter(session, { heap: name, origin: 'allocated', memory, label, charge });
    } catch (error) {
      memory.close();
      charge.refund();
      throw error;
    }
  }

  /**
   * Takes the memory over, whatever the answer is. The same kernel object is the same buffer; one that is known
   * under another session is not given away by knowing its fd.
   */
  adopt(
    sessionId: SessionId,
    memory: Memory,
    { label, exporter }: { readonly label: string; readonly exporter: string },
  ): BufferView {
    let charge: Charge | null = null;
    try {
      const session = this.leases.ledger.session(sessionId);
      checkLabel(label);
      const known = this.leases.ledger.findBufferByMemory(memory);
      if (known !== undefined) return this.adoptAgain(session, known, memory);
      this.leases.checkRoom(session);
      charge = this.quota.reserve(session.peer.uid, memory.sizeBytes ?? 0);
      return this.enter(session, { heap: exporter, origin: 'adopted', memory, label, charge });
    } catch (error) {
      memory.close();
      charge?.refund();
      throw error;
    }
  }

  /** Owners and administrators see all leases, others their own. */
  describe(caller: Caller, bufferId: number): BufferDetails {
    const session = this.callers.sessionForInspection(caller);
    const buffer = this.visible(caller, session, bufferId);
    const lease = session?.leases.get(buffer.id) ?? null;
    const seesAll = lease?.isOwner === true || this.callers.isAdministrator(caller.peer);
    const own = lease === null ? [] : [lease];
    return {
      buffer: viewBuffer(buffer, lease),
      leases: (seesAll ? [...buffer.leases.values()] : own).map(viewLease),
      cpuAccesses: buffer.cpuAccess?.entries() ?? [],
    };
  }

  /** The session's buffers with ids above `after`, ascending. */
  list(sessionId: SessionId, after: number, count: number): BufferView[] {
    const session = this.leases.ledger.session(sessionId);
    const page = this.leases.ledger.leasesAfter(session, after, count);
    return page.map((lease) => viewBuffer(lease.buffer, lease));
  }

  /** The same of all sessions, for administrators. */
  listAll(caller: Caller, after: number, count: number): BufferView[] {
    this.callers.requireAdministrator(caller.peer, 'list the buffers of all sessions');
    const id = caller.sessionId;
    const page = this.leases.ledger.buffersAfter(after, count);
    return page.map((buffer) => viewBuffer(buffer, (id && buffer.leases.get(id)) ?? null));
  }

  release(sessionId: SessionId, bufferId: number): void {
    const session = this.leases.ledger.session(sessionId);
    this.leases.end(this.leases.ledger.lease(session, bufferId), 'released');
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

  endCpuAccess(sessionId: SessionId, bufferId: number): Promise<void> {
    const session = this.leases.ledger.session(sessionId);
    const { buffer } = this.leases.ledger.lease(session, bufferId);
    return this.leases.cpuAccessOf(buffer).end(sessionId);
  }

  private checkSize(
    sizeBytes: number,
    heap: { name: string; maxBufferBytes: number | null },
  ): void {
    const heapLimit = heap.maxBufferBytes ?? Number.POSITIVE_INFINITY;
    const [limit, whose] =
      heapLimit < this.limits.maxBufferBytes
        ? [heapLimit, `heap ${heap.name}`]
        : [this.limits.maxBufferBytes, 'the daemon'];
    if (sizeBytes >= 1 && sizeBytes <= limit) return;
    throw new DomainError(
      'invalid-argument',
      `size_bytes is ${sizeBytes}; ${whose} gives buffers of 1 to ${limit} bytes`,
    );
  }

  private enter(session: Session, entry: NewBuffer): BufferView {
    const lease = this.leases.create(session, entry);
    return viewBuffer(lease.buffer, lease);
  }

  private adoptAgain(session: Session, known: BufferRecord, memory: Memory): BufferView {
    const lease = session.leases.get(known.id);
    if (lease === undefined) {
      throw new DomainError(
        'failed-precondition',
        'this memory is known to the daemon under another session: ask its owner for a grant',
      );
    }
    memory.close();
    return viewBuffer(known, lease);
  }

  /** A buffer that the session leases, or, for an administrator, any. */
  private visible(caller: Caller, session: Session | null, bufferId: number): BufferRecord {
    if (this.callers.isAdministrator(caller.peer)) {
      const buffer = this.leases.ledger.findBuffer(bufferId);
      if (buffer === undefined) throw noSuchBuffer(bufferId);
      return buffer;
    }
    if (session === null) throw noSuchBuffer(bufferId);
    return this.leases.ledger.lease(session, bufferId).buffer;
  }
}
