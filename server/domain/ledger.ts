/**
 * The ledger: which sessions there are, which buffers, and who holds what. It only keeps the books; what must
 * happen around an entry (the fd plane's table, events, the kernel object) is done in leases.ts. Every look-up is
 * by key; nothing here walks all buffers.
 */
import { AscendingIds } from './ascending-ids';
import { DomainError } from './errors';
import { type BufferId, isBufferId, type SessionId } from './ids';
import type { Memory } from './ports';
import type { BufferRecord, Lease, Session } from './records';

/** Which kernel object it is, whichever fd led to it. */
function memoryKey(memory: Memory): string {
  return `${memory.device}:${memory.inode}`;
}

export class Ledger {
  private readonly sessions = new Map<SessionId, Session>();
  private readonly buffers = new Map<BufferId, BufferRecord>();
  private readonly bufferIds = new AscendingIds<BufferId>();
  private readonly buffersByMemory = new Map<string, BufferRecord>();
  private leases = 0;
  private leasedBuffers = 0;

  get sessionCount(): number {
    return this.sessions.size;
  }

  /** Those that somebody leases. */
  get leasedBufferCount(): number {
    return this.leasedBuffers;
  }

  /** Those that nobody leases any more, and that are not gone yet. */
  get lingeringBufferCount(): number {
    return this.buffers.size - this.leasedBuffers;
  }

  get leaseCount(): number {
    return this.leases;
  }

  addSession(session: Session): void {
    if (this.sessions.has(session.id)) throw new Error(`session ${session.id} exists already`);
    this.sessions.set(session.id, session);
  }

  removeSession(session: Session): void {
    this.sessions.delete(session.id);
  }

  findSession(id: SessionId): Session | undefined {
    return this.sessions.get(id);
  }

  /** UNAUTHENTICATED once it has ended. */
  session(id: SessionId): Session {
    const session = this.sessions.get(id);
    if (session === undefined) {
      throw new DomainError('unauthenticated', `session ${id} has ended: connect to fd.sock again`);
    }
    return session;
  }

  sessionIds(): SessionId[] {
    return [...this.sessions.keys()];
  }

  addBuffer(entry: Omit<BufferRecord, 'leases' | 'formerHolders' | 'cpuAccess'>): BufferRecord {
    const nobody = { leases: new Map(), formerHolders: [], cpuAccess: null };
    const buffer: BufferRecord = { ...entry, ...nobody };
    this.buffers.set(buffer.id, buffer);
    this.bufferIds.add(buffer.id);
    this.buffersByMemory.set(memoryKey(buffer.memory), buffer);
    return buffer;
  }

  removeBuffer(buffer: BufferRecord): void {
    this.buffers.delete(buffer.id);
    this.bufferIds.delete(buffer.id);
    this.buffersByMemory.delete(memoryKey(buffer.memory));
  }

  allBuffers(): Iterable<BufferRecord> {
    return this.buffers.values();
  }

  findBuffer(id: number): BufferRecord | undefined {
    return isBufferId(id) ? this.buffers.get(id) : undefined;
  }

  findBufferByMemory(memory: Memory): BufferRecord | undefined {
    return this.buffersByMemory.get(memoryKey(memory));
  }

  /** At most `count` buffers of all sessions with ids above `after`, ascending. */
  buffersAfter(after: number, count: number): BufferRecord[] {
    return this.bufferIds.after(after, count).flatMap((id) => this.buffers.get(id) ?? []);
  }

  /** The same of one session's leases. */
  leasesAfter(session: Session, after: number, count: number): Lease[] {
    return session.bufferIds.after(after, count).flatMap((id) => session.leases.get(id) ?? []);
  }

  addLease(lease: Lease): void {
    lease.session.leases.set(lease.buffer.id, lease);
    lease.session.bufferIds.add(lease.buffer.id);
    if (lease.buffer.leases.size === 0) this.leasedBuffers += 1;
    lease.buffer.leases.set(lease.session.id, lease);
    this.leases += 1;
  }

  removeLease(lease: Lease): void {
    lease.session.leases.delete(lease.buffer.id);
    lease.session.bufferIds.delete(lease.buffer.id);
    lease.buffer.leases.delete(lease.session.id);
    if (lease.buffer.leases.size === 0) this.leasedBuffers -= 1;
    this.leases -= 1;
  }

  /** For the one who had it, and so knows of it. */
  private wasRevoked(session: Session, bufferId: number): DomainError | null {
    const former = this.findBuffer(bufferId)?.formerHolders ?? [];
    const isRevoked = former.some(
      ({ sessionId, how }) => sessionId === session.id && how === 'revoked',
    );
    if (!isRevoked) return null;
    const what = `session ${session.id}'s lease on buffer ${bufferId} was revoked by whoever granted it`;
    return new DomainError('failed-precondition', what);
  }

  /** NOT_FOUND alike for a buffer that does not exist and for one that the session holds no lease on. */
  lease(session: Session, bufferId: number): Lease {
    const lease = isBufferId(bufferId) ? session.leases.get(bufferId) : undefined;
    if (lease !== undefined) return lease;
    throw this.wasRevoked(session, bufferId) ?? noSuchBuffer(bufferId);
  }
}

export function noSuchBuffer(bufferId: number): DomainError {
  return new DomainError('not-found', `there is no buffer ${bufferId} that this session leases`);
}
