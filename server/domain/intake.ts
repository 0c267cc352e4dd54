/** How buffers come: allocated from a heap, or brought by a client who has them from elsewhere. */
import type { Auditor } from './audit';
import type { Callers } from './callers';
import { abortReason, DomainError } from './errors';
import { FairQueue } from './fair-queue';
import type { HeapCatalogue } from './heaps';
import type { SessionId } from './ids';
import { type Leases, type NewBuffer, viewBuffer } from './leases';
import type { Limits } from './limits';
import { checkLabel } from './names';
import { matchesAny } from './pattern';
import type { Heap, Memory } from './ports';
import type { Charge, Quota } from './quota';
import type { BufferRecord, Session } from './records';
import type { BufferView } from './views';

/** What is asked of a heap. An empty name takes the default one. */
export interface AllocationRequest {
  readonly heap: string;
  readonly sizeBytes: number;
  readonly label: string;
}

export class Intake {
  private readonly allocations: FairQueue;

  constructor(
    private readonly leases: Leases,
    private readonly quota: Quota,
    private readonly heaps: HeapCatalogue,
    private readonly callers: Callers,
    private readonly auditor: Auditor,
    private readonly limits: Limits,
  ) {
    this.allocations = new FairQueue(limits.maxAllocationsAtOnce);
  }

  /** The memory is given back if the session or the call ends while the heap is at work. */
  async allocate(
    sessionId: SessionId,
    request: AllocationRequest,
    signal: AbortSignal,
  ): Promise<BufferView> {
    const session = this.leases.ledger.session(sessionId);
    const { heap, sizeBytes, label } = request;
    return this.auditor.watchAsync(
      { action: 'allocate', peer: session.peer, sessionId, details: { heap, sizeBytes, label } },
      () => this.take(session, request, signal),
      (view) => ({ bufferId: view.id, heap: view.heap, sizeBytes: view.sizeBytes }),
    );
  }

  /**
   * Takes the memory over, whatever the answer is. The same kernel object is the same buffer; one that is known
   * under another session is not given away by knowing its fd.
   */
  adopt(
    sessionId: SessionId,
    memory: Memory,
    how: { readonly label: string; readonly exporter: string },
  ): BufferView {
    const session = this.leases.ledger.findSession(sessionId);
    if (session === undefined) {
      void memory.close();
      throw new DomainError('unauthenticated', `session ${sessionId} has ended`);
    }
    const details = { ...how, sizeBytes: memory.sizeBytes };
    return this.auditor.watch(
      { action: 'adopt', peer: session.peer, sessionId, details },
      () => this.takeIn(session, memory, how),
      ({ id }) => ({ bufferId: id }),
    );
  }

  /** What the policy, the heap and the quota say comes before anything is spent. */
  private async take(
    session: Session,
    { heap: wanted, sizeBytes, label }: AllocationRequest,
    signal: AbortSignal,
  ): Promise<BufferView> {
    const { heaps } = this.callers.rightsOf(session.peer);
    const heap = this.heaps.choose(wanted);
    const { name } = heap.description;
    if (!matchesAny(heaps, name)) {
      throw this.callers.refusal(session.peer, `allocate from heap ${name}`);
    }
    checkLabel(label);
    this.checkSize(session, sizeBytes, heap);
    const request = { sizeBytes: heap.roundUp(sizeBytes), label };
    const charge = await this.reserve(session, request.sizeBytes);
    const memory = await this.allocations
      .run(charge.account, () => allocateFor(session, heap, request), signal)
      .catch((error: unknown) => {
        charge.refund();
        throw error;
      });
    try {
      if (signal.aborted) throw abortReason(signal);
      if (session.ended) throw endedMeanwhile(session);
      if (memory.sizeBytes !== null) charge.settle(memory.sizeBytes);
      return this.enter(session, { heap: name, origin: 'allocated', memory, label, charge });
    } catch (error) {
      void this.leases.giveBack(memory, charge);
      throw error;
    }
  }

  private takeIn(
    session: Session,
    memory: Memory,
    { label, exporter }: { readonly label: string; readonly exporter: string },
  ): BufferView {
    let charge: Charge | null = null;
    try {
      if (!this.callers.rightsOf(session.peer).mayAdopt) {
        throw this.callers.refusal(session.peer, 'bring buffers from elsewhere');
      }
      checkLabel(label);
      const known = this.leases.ledger.findBufferByMemory(memory);
      if (known !== undefined) return this.takeInAgain(session, known, memory);
      const payer = this.callers.payerOf(session.peer);
      charge = this.quota.reserve(payer, { bytes: memory.sizeBytes ?? 0, buffers: 1 });
      return this.enter(session, { heap: exporter, origin: 'adopted', memory, label, charge });
    } catch (error) {
      if (charge === null) void memory.close();
      else void this.leases.giveBack(memory, charge);
      throw error;
    }
  }

  private takeInAgain(session: Session, known: BufferRecord, memory: Memory): BufferView {
    const lease = session.leases.get(known.id);
    if (lease === undefined) {
      throw new DomainError(
        'failed-precondition',
        known.leases.size > 0
          ? 'this memory is known to the daemon under another session: ask its owner for a grant'
          : 'this memory came from the daemon, and its lease has ended: close all fds of it, and keep the lease next time',
      );
    }
    void memory.close();
    return viewBuffer(known, lease);
  }

  private checkSize(session: Session, sizeBytes: number, { description }: Heap): void {
    const { maxBufferBytes } = this.callers.rightsOf(session.peer);
    let limit = { whose: 'the daemon', bytes: this.limits.maxBufferBytes };
    for (const [whose, bytes] of [
      [`heap ${description.name}`, description.maxBufferBytes],
      ['the policy', maxBufferBytes],
    ] as const) {
      if (bytes !== null && bytes < limit.bytes) limit = { whose, bytes };
    }
    if (sizeBytes >= 1 && sizeBytes <= limit.bytes) return;
    throw new DomainError(
      'invalid-argument',
      `size_bytes is ${sizeBytes}; ${limit.whose} gives buffers of 1 to ${limit.bytes} bytes`,
    );
  }

  /** Nobody is refused for want of what is just being freed, or what lingered and is gone unnoticed. */
  private async reserve(session: Session, bytes: number): Promise<Charge> {
    const payer = this.callers.payerOf(session.peer);
    try {
      return this.quota.reserve(payer, { bytes, buffers: 1 });
    } catch {
      await this.leases.lingering.askSoon(payer.account);
      await this.leases.whenFreed(payer.account);
    }
    try {
      return this.quota.reserve(payer, { bytes, buffers: 1 });
    } catch (error) {
      throw this.explainLingering(payer.account, error);
    }
  }

  private explainLingering(account: string, error: unknown): unknown {
    const bytes = this.leases.lingering.bytesOf(account);
    if (bytes === 0 || !(error instanceof DomainError)) return error;
    const kept = `${bytes} bytes of it are of buffers that were let go but are still open somewhere (dmabufctl list and show tell where)`;
    return new DomainError(error.code, `${error.message}; ${kept}`);
  }

  private enter(session: Session, entry: NewBuffer): BufferView {
    const lease = this.leases.create(session, entry);
    return viewBuffer(lease.buffer, lease);
  }
}

async function allocateFor(
  session: Session,
  heap: Heap,
  request: { readonly sizeBytes: number; readonly label: string },
): Promise<Memory> {
  // It may have waited for its turn until now.
  if (session.ended) throw endedMeanwhile(session);
  return heap.allocate(request);
}

function endedMeanwhile({ id }: Session): DomainError {
  return new DomainError('cancelled', `session ${id} ended during the allocation`);
}
