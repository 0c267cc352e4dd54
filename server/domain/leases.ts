/**
 * What must happen when a lease begins, widens or ends, in one place: the ledger's entry, the fd plane's row, the
 * holder's CPU access, the grants that hang on it, the events; and with a buffer's last lease the end of the
 * buffer. The kernel object is closed and its charge refunded only when the kernel has returned from every SYNC
 * on it and nobody else has it open, so that what is charged is what is held.
 */
import { type Access, includesAccess, narrowerAccess, widerAccess } from './access';
import type { Callers } from './callers';
import { CpuAccess, type CpuAccessTally } from './cpu-access';
import { DomainError } from './errors';
import type { EventHub } from './events';
import type { BufferFact, Keeper, LeaseFact } from './facts';
import { FairQueue } from './fair-queue';
import { GrantBook } from './grants';
import type { IdSource } from './id-source';
import type { SessionId } from './ids';
import type { Ledger } from './ledger';
import { Lingering } from './lingering';
import type { Clock, LeaseTable, Memory, Reporter } from './ports';
import type { Charge, Quota } from './quota';
import type { BufferRecord, FormerHolder, Grant, Lease, Session } from './records';
import type { BufferOrigin, BufferView, LeaseView } from './views';

/** What a new buffer is made of. */
export interface NewBuffer {
  readonly heap: string;
  readonly origin: BufferOrigin;
  readonly memory: Memory;
  readonly label: string;
  readonly charge: Charge;
}

/** More of them are of no use to a person, and the list must end somewhere. */
const MAX_FORMER_HOLDERS = 64;

export class Leases {
  readonly grants: GrantBook;
  readonly lingering: Lingering;
  /** One at a time: the threads that free memory are also those that begin accesses. */
  private readonly closings = new FairQueue(1);
  /** What was given back last, by account: it is freed after all that was before it. */
  private readonly freeing = new Map<string, Promise<void>>();
  readonly cpuAccessTally: CpuAccessTally = { open: 0, waiting: 0 };

  constructor(
    readonly ledger: Ledger,
    private readonly callers: Callers,
    private readonly quota: Quota,
    private readonly outside: {
      readonly clock: Clock;
      readonly table: LeaseTable;
      readonly reporter: Reporter;
      readonly keeper: Keeper;
      readonly slowWaitMs: number;
    },
    private readonly events: EventHub,
    private readonly ids: IdSource,
  ) {
    const { clock, keeper } = outside;
    this.lingering = new Lingering(clock, (buffer) => this.forget(buffer));
    this.grants = new GrantBook(clock, quota, ids, keeper, (grant, reason) => {
      const body = {
        type: 'grant-ended',
        grantId: grant.id,
        bufferId: grant.bufferId,
        reason,
      } as const;
      events.publish(grant.maker, body, [grant.maker]);
    });
  }

  /** A buffer that nobody knew, leased to and owned by the session. */
  create(session: Session, entry: NewBuffer): Lease {
    const createdAtMs = this.outside.clock.now();
    const buffer = this.ledger.addBuffer({ ...entry, id: this.ids.buffer(), createdAtMs });
    this.outside.keeper.keepBuffer(bufferFact(buffer), buffer.memory);
    const lease = this.addFirst(session, buffer);
    this.outside.keeper.keepLease(leaseFact(lease));
    const body = { type: 'buffer-created', buffer: viewBuffer(buffer, lease) } as const;
    this.events.publish(session.id, body, [session.id]);
    return lease;
  }

  /** A lease by a grant: a new one, or the one that the session has, widened if the grant gives more. */
  open(session: Session, buffer: BufferRecord, grant: Grant): Lease {
    const given = narrowerAccess(grant.access, this.callers.rightsOf(session.peer).access);
    const held = session.leases.get(buffer.id);
    const lease = held ?? this.add(session, buffer, given, false);
    const isWider = !includesAccess(lease.access, given);
    if (isWider) {
      lease.access = widerAccess(lease.access, given);
      this.put(lease);
    }
    const { access } = lease;
    const body = { type: 'lease-opened', bufferId: buffer.id, access, peer: session.peer } as const;
    this.events.publish(session.id, body, [session.id, ...ownersOf(buffer)]);
    const gaveSomething = held === undefined || isWider;
    // The use first: a grant for one must not be had twice, whenever this process dies.
    this.grants.use(grant, lease, gaveSomething);
    if (gaveSomething) this.outside.keeper.keepLease(leaseFact(lease));
    return lease;
  }

  /**
   * Ends a lease, and the buffer with its last. `why` is told to a call that waits for an access on it. What the
   * kernel is owed is done in the background.
   */
  end(lease: Lease, how: 'released' | 'revoked', why = leaseEnded(lease, how)): void {
    const { session, buffer } = lease;
    const told = [session.id, ...ownersOf(buffer)];
    if (how === 'revoked') this.outside.table.revoke(session.id, buffer.id);
    else this.outside.table.drop(session.id, buffer.id);
    this.ledger.removeLease(lease);
    this.outside.keeper.forgetLease(session.id, buffer.id);
    lease.charge.refund();
    this.remember(lease, how);
    buffer.cpuAccess?.drop(session.id, why);
    this.grants.forgetLease(lease);
    this.events.publish(session.id, { type: `lease-${how}`, bufferId: buffer.id }, told);
    if (buffer.leases.size === 0) this.retire(buffer);
  }

  /** Takes over a buffer that an earlier process of the daemon had; nobody leases it yet. */
  resumeBuffer({ id, heap, origin, label, createdAtMs, ...fact }: BufferFact, memory: Memory) {
    const charge = this.quota.resume(fact.account, { bytes: fact.chargedBytes, buffers: 1 });
    return this.ledger.addBuffer({ id, heap, origin, memory, label, createdAtMs, charge });
  }

  /** The same of a lease. Throws if there is no fd for it. */
  resume(session: Session, buffer: BufferRecord, fact: LeaseFact): Lease {
    const { access, isOwner, createdAtMs } = fact;
    const charge = this.quota.resume(fact.account, { leases: 1 });
    const openedWith = null;
    return this.enter({ session, buffer, access, isOwner, createdAtMs, charge, openedWith });
  }

  /** Ends a buffer whose leases have not come back. */
  retireUnleased(buffer: BufferRecord): void {
    if (buffer.leases.size === 0) this.retire(buffer);
  }

  /** Sessions that had leases and live, so that they may have fds. */
  formerHolders(buffer: BufferRecord): FormerHolder[] {
    return buffer.formerHolders.filter(({ sessionId }) => {
      return this.ledger.findSession(sessionId)?.leases.has(buffer.id) === false;
    });
  }

  cpuAccessOf(buffer: BufferRecord): CpuAccess {
    const bufferId = buffer.id;
    buffer.cpuAccess ??= new CpuAccess(bufferId, buffer.memory, {
      clock: this.outside.clock,
      reporter: this.outside.reporter,
      keeper: this.outside.keeper,
      tally: this.cpuAccessTally,
      slowWaitMs: this.outside.slowWaitMs,
      onBegan: (sessionId, writes) =>
        this.events.publish(
          sessionId,
          { type: 'cpu-access-began', bufferId, writes },
          buffer.leases.keys(),
        ),
      onEnded: (sessionId, writes) =>
        this.events.publish(sessionId, { type: 'cpu-access-ended', bufferId, writes }, [
          sessionId,
          ...buffer.leases.keys(),
        ]),
      onDelayed: (sessionId, delay) => {
        const body = { type: 'cpu-access-delayed', bufferId, ...delay } as const;
        this.events.publish(sessionId, body, buffer.leases.keys());
        this.outside.reporter.warn({ sessionId, bufferId, ...delay }, 'a CPU access is waited for');
      },
    });
    return buffer.cpuAccess;
  }

  private add(session: Session, buffer: BufferRecord, access: Access, isOwner: boolean): Lease {
    const createdAtMs = this.outside.clock.now();
    const charge = this.quota.reserve(this.callers.payerOf(session.peer), { leases: 1 });
    const openedWith = null;
    return this.enter({ session, buffer, access, isOwner, createdAtMs, charge, openedWith });
  }

  private enter(lease: Lease): Lease {
    try {
      // The row first: if there is no fd for it, nothing has happened.
      this.put(lease);
    } catch (error) {
      lease.charge.refund();
      throw error;
    }
    this.ledger.addLease(lease);
    return lease;
  }

  private addFirst(session: Session, buffer: BufferRecord): Lease {
    try {
      return this.add(session, buffer, buffer.memory.access, true);
    } catch (error) {
      this.ledger.removeBuffer(buffer);
      void this.outside.keeper.forgetBuffer(buffer.id);
      throw error;
    }
  }

  private put({ session, buffer, access }: Lease): void {
    this.outside.table.put(session.id, { bufferId: buffer.id, memory: buffer.memory, access });
  }

  /** The charge is for as long as the memory is there, which may be long after it was let go: freeing takes time. */
  giveBack(memory: Memory, charge: Charge, isLetGo = Promise.resolve()): Promise<void> {
    const { account } = charge;
    const freed = this.closings
      .run(account, () => memory.close())
      .then(() => isLetGo)
      .then(() => {
        charge.refund();
        if (this.freeing.get(account) === freed) this.freeing.delete(account);
      });
    this.freeing.set(account, freed);
    return freed;
  }

  /** Resolves when all that an account has given back by now is refunded. */
  async whenFreed(account: string): Promise<void> {
    await this.freeing.get(account);
  }

  private remember({ session, buffer }: Lease, how: FormerHolder['how']): void {
    const others = this.formerHolders(buffer).filter(({ sessionId }) => sessionId !== session.id);
    const current = others.slice(1 - MAX_FORMER_HOLDERS);
    const endedAtMs = this.outside.clock.now();
    const latest = { sessionId: session.id, peer: session.peer, endedAtMs, how };
    buffer.formerHolders.splice(0, buffer.formerHolders.length, ...current, latest);
  }

  /** Nobody leases it any more. What a client brought is its own, whoever else has it. */
  private retire(buffer: BufferRecord): void {
    this.grants.forgetBuffer(buffer.id);
    const end = () => {
      if (buffer.origin === 'adopted') this.forget(buffer);
      else this.lingering.add(buffer);
    };
    if (buffer.cpuAccess === null) end();
    else buffer.cpuAccess.whenUnused(end);
  }

  private forget(buffer: BufferRecord): void {
    this.ledger.removeBuffer(buffer);
    const isLetGo = this.outside.keeper.forgetBuffer(buffer.id);
    const lastHolder = buffer.formerHolders[buffer.formerHolders.length - 1]?.sessionId;
    void this.giveBack(buffer.memory, buffer.charge, isLetGo).then(() => {
      if (lastHolder === undefined) return;
      const body = { type: 'buffer-destroyed', bufferId: buffer.id } as const;
      this.events.publish(lastHolder, body, [lastHolder]);
    });
  }
}

function leaseEnded({ session, buffer }: Lease, how: string): DomainError {
  const what = `session ${session.id}'s lease on buffer ${buffer.id} was ${how}`;
  return new DomainError('failed-precondition', what);
}

function ownersOf(buffer: BufferRecord): SessionId[] {
  // The owner's lease came first, and a Map keeps the order: no need to look at the others.
  for (const lease of buffer.leases.values()) return lease.isOwner ? [lease.session.id] : [];
  return [];
}

function bufferFact(buffer: BufferRecord): BufferFact {
  const { id, heap, origin, memory, label, createdAtMs, charge } = buffer;
  const { kind, device, inode, sizeBytes, access } = memory;
  const { account, bytes: chargedBytes } = charge;
  const known = { id, heap, origin, label, createdAtMs, account, chargedBytes };
  return { ...known, kind, device, inode, sizeBytes, access };
}

function leaseFact(lease: Lease): LeaseFact {
  const { session, buffer, access, isOwner, createdAtMs, charge } = lease;
  const openedWith = Array.from(lease.openedWith ?? [], ({ id }) => id);
  const { account } = charge;
  return {
    sessionId: session.id,
    bufferId: buffer.id,
    access,
    isOwner,
    createdAtMs,
    openedWith,
    account,
  };
}

/** The buffer as the holder of a lease sees it, or, without one, an administrator. */
export function viewBuffer(buffer: BufferRecord, lease: Lease | null): BufferView {
  const { id, heap, origin, memory, label, createdAtMs, leases } = buffer;
  const isReader = lease?.access === 'read';
  return {
    id,
    heap,
    origin,
    memory: memory.kind,
    sizeBytes: memory.sizeBytes,
    label,
    inode: memory.inode,
    access: lease?.access ?? null,
    readOnlyEnforced: isReader && memory.enforcesReadOnly(lease.session.peer),
    createdAtMs,
    leaseCount: leases.size,
    isOwner: lease?.isOwner ?? false,
  };
}

export function viewLease({ session, access, isOwner, createdAtMs }: Lease): LeaseView {
  return { sessionId: session.id, peer: session.peer, access, isOwner, createdAtMs };
}
