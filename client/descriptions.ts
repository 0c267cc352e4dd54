/**
 * What the daemon tells about heaps, buffers, grants and itself, in the words of the SDK, and the way there from the
 * messages of dmabufd.v1: numbers instead of decimal strings, dates, and null for what is not known.
 */
import type { Access__Output } from '../proto/generated/dmabufd/v1/Access';
import type { Buffer__Output } from '../proto/generated/dmabufd/v1/Buffer';
import type { CpuAccessEntry__Output } from '../proto/generated/dmabufd/v1/CpuAccessEntry';
import type { FormerHolder__Output } from '../proto/generated/dmabufd/v1/FormerHolder';
import type { GetBufferResponse__Output } from '../proto/generated/dmabufd/v1/GetBufferResponse';
import type { GetDaemonStatusResponse__Output } from '../proto/generated/dmabufd/v1/GetDaemonStatusResponse';
import type { Grant__Output } from '../proto/generated/dmabufd/v1/Grant';
import type { Heap__Output } from '../proto/generated/dmabufd/v1/Heap';
import type { HeapCapability__Output } from '../proto/generated/dmabufd/v1/HeapCapability';
import type { HeapKind__Output } from '../proto/generated/dmabufd/v1/HeapKind';
import type { Lease__Output } from '../proto/generated/dmabufd/v1/Lease';
import type { LedgerTotals__Output } from '../proto/generated/dmabufd/v1/LedgerTotals';
import type { MemoryKind__Output } from '../proto/generated/dmabufd/v1/MemoryKind';
import type { Peer__Output } from '../proto/generated/dmabufd/v1/Peer';
import type { Timestamp__Output } from '../proto/generated/google/protobuf/Timestamp';
import { DmabufdError } from './errors';

/** What a buffer's fd is. Only a dma-buf can be given to a device. */
export type MemoryKind = 'dma-buf' | 'memfd' | 'unknown';
/** The kernel interface behind a heap. */
export type HeapKind = 'dma-heap' | 'udmabuf' | 'memfd' | 'unknown';
/** What a lease allows; `'none'` when an administrator looks at a buffer without having one. */
export type LeaseAccess = 'read' | 'read-write' | 'none';
/** What a heap's buffers can do on this kernel: see HeapCapability in heaps.proto. */
export type HeapCapability = 'size' | 'sync' | 'fences' | 'names' | 'read-only-fd' | 'unknown';

/** One source of memory. */
export interface HeapDescription {
  readonly name: string;
  readonly kind: HeapKind;
  readonly memory: MemoryKind;
  /** Taken when an allocation names no heap. */
  readonly isDefault: boolean;
  readonly capabilities: readonly HeapCapability[];
  /** The largest buffer that it is known to give, in bytes. */
  readonly maxBufferBytes: number | null;
  /** Why it cannot be used; null when it can. */
  readonly unavailableReason: string | null;
}

/** A process as the kernel attests it to the daemon. */
export interface PeerDescription {
  /** 0 if it is not visible from the daemon. */
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  /** Supplementary ones. */
  readonly groups: readonly number[];
  readonly comm: string;
  readonly cgroup: string;
  /** The systemd unit that the cgroup belongs to; empty if none is attested. */
  readonly unit: string;
  /** The id of the container that the cgroup belongs to; empty if none is attested. */
  readonly container: string;
  /** It is in a container, or may be. */
  readonly isContained: boolean;
}

/** A buffer as the caller may see it. */
export interface BufferDescription {
  readonly id: number;
  readonly heap: string;
  readonly origin: 'allocated' | 'adopted';
  readonly memory: MemoryKind;
  /** As the kernel gave it; null if the kernel does not tell. */
  readonly sizeBytes: number | null;
  readonly label: string;
  readonly inode: number;
  /** What the caller's lease allows. */
  readonly access: LeaseAccess;
  /** The kernel itself keeps the holder of a read lease from writing; otherwise the lease is advice. */
  readonly readOnlyEnforced: boolean;
  readonly createTime: Date | null;
  readonly leaseCount: number;
  readonly isOwner: boolean;
}

/** One session's right to a buffer. */
export interface LeaseDescription {
  readonly sessionId: number;
  readonly peer: PeerDescription | null;
  readonly access: LeaseAccess;
  readonly isOwner: boolean;
  readonly createTime: Date | null;
}

/** A session that lives and whose lease on a buffer has ended: it may have kept fds, which nobody can take back. */
export interface FormerHolderDescription {
  readonly sessionId: number;
  readonly peer: PeerDescription | null;
  readonly endTime: Date | null;
  /** It was revoked; otherwise the session gave it back. */
  readonly revoked: boolean;
}

/** A CPU access that is open (`held`), or a session that waits for one. */
export interface CpuAccessDescription {
  readonly sessionId: number;
  readonly peer: PeerDescription | null;
  readonly writes: boolean;
  readonly held: boolean;
  /** It has its turn, and a device works on the buffer. */
  readonly waitsForFences: boolean;
  readonly since: Date | null;
}

/** A buffer, who holds it and who accesses it. */
export interface BufferDetails {
  readonly buffer: BufferDescription;
  readonly leases: readonly LeaseDescription[];
  readonly cpuAccesses: readonly CpuAccessDescription[];
  /** Told to its owner and to those who may inspect. */
  readonly formerHolders: readonly FormerHolderDescription[];
  /**
   * References to the memory that are not the daemon's, as the kernel counts them: fds, mappings, devices. Null if it does
   * not tell, or not to this caller.
   */
  readonly referencesElsewhere: number | null;
}

/** Whom a grant is for; what is given must all hold of the peer as the kernel attests it. */
export interface Audience {
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  /** This cgroup or one below it. */
  readonly cgroup?: string | undefined;
}

/** A permission to open a buffer. */
export interface GrantDescription {
  readonly id: number;
  readonly bufferId: number;
  readonly access: LeaseAccess;
  readonly audience: Audience;
  /** The name that it is published under; null if it is opened by its secret. */
  readonly name: string | null;
  readonly expireTime: Date | null;
  /** Null for no limit. */
  readonly maxUses: number | null;
  readonly uses: number;
}

/** What the daemon holds. */
export interface LedgerTotals {
  readonly sessions: number;
  readonly buffers: number;
  /** Buffers that nobody leases any more, but somebody still has open. */
  readonly lingeringBuffers: number;
  readonly leases: number;
  readonly grants: number;
  readonly cpuAccesses: number;
  readonly waiters: number;
  readonly chargedBytes: number;
  readonly openFds: number;
}

/** What the daemon is. */
export interface DaemonStatus {
  readonly version: string;
  readonly pid: number;
  readonly startTime: Date | null;
  readonly caller: PeerDescription | null;
  readonly callerIsAdministrator: boolean;
  /** Of processes outside of the daemon's pid namespace it knows only uid, gid and groups. */
  readonly hasOwnPidNamespace: boolean;
  /** Of processes outside of the daemon's cgroup namespace it knows neither unit nor container. */
  readonly hasOwnCgroupNamespace: boolean;
  /** Null but for those who may inspect. */
  readonly totals: LedgerTotals | null;
}

const HEAP_KINDS: Record<HeapKind__Output, HeapKind> = {
  HEAP_KIND_UNSPECIFIED: 'unknown',
  HEAP_KIND_DMA_HEAP: 'dma-heap',
  HEAP_KIND_UDMABUF: 'udmabuf',
  HEAP_KIND_MEMFD: 'memfd',
};
const MEMORY_KINDS: Record<MemoryKind__Output, MemoryKind> = {
  MEMORY_KIND_UNSPECIFIED: 'unknown',
  MEMORY_KIND_DMA_BUF: 'dma-buf',
  MEMORY_KIND_MEMFD: 'memfd',
};
const CAPABILITIES: Record<HeapCapability__Output, HeapCapability> = {
  HEAP_CAPABILITY_UNSPECIFIED: 'unknown',
  HEAP_CAPABILITY_SIZE: 'size',
  HEAP_CAPABILITY_SYNC: 'sync',
  HEAP_CAPABILITY_FENCES: 'fences',
  HEAP_CAPABILITY_NAMES: 'names',
  HEAP_CAPABILITY_READ_ONLY_FD: 'read-only-fd',
};
const ACCESSES: Record<Access__Output, LeaseAccess> = {
  ACCESS_UNSPECIFIED: 'none',
  ACCESS_READ: 'read',
  ACCESS_READ_WRITE: 'read-write',
};
/** The message's name for what an application asks for. */
export const ACCESS_NAMES = { read: 'ACCESS_READ', 'read-write': 'ACCESS_READ_WRITE' } as const;

export function describeHeap(heap: Heap__Output): HeapDescription {
  return {
    name: heap.name,
    // A later daemon may know kinds that this table does not; proto-loader then gives a number.
    kind: HEAP_KINDS[heap.kind] ?? 'unknown',
    memory: MEMORY_KINDS[heap.memory] ?? 'unknown',
    isDefault: heap.isDefault,
    capabilities: heap.capabilities.map((capability) => CAPABILITIES[capability] ?? 'unknown'),
    maxBufferBytes: toInteger(heap.maxBufferBytes) || null,
    unavailableReason: heap.unavailableReason || null,
  };
}

/** Throws `INTERNAL` for an answer without a buffer. */
export function describeBuffer(buffer: Buffer__Output | null): BufferDescription {
  if (buffer === null) throw new DmabufdError('INTERNAL', 'the answer carries no buffer');
  return {
    id: toInteger(buffer.id),
    heap: buffer.heap,
    origin: buffer.origin === 'BUFFER_ORIGIN_ADOPTED' ? 'adopted' : 'allocated',
    memory: MEMORY_KINDS[buffer.memory] ?? 'unknown',
    sizeBytes: buffer.sizeUnknown ? null : toInteger(buffer.sizeBytes),
    label: buffer.label,
    inode: Number(buffer.inode),
    access: ACCESSES[buffer.access] ?? 'none',
    readOnlyEnforced: buffer.readOnlyEnforced,
    createTime: toDate(buffer.createTime),
    leaseCount: buffer.leaseCount,
    isOwner: buffer.isOwner,
  };
}

export function describeDetails(response: GetBufferResponse__Output): BufferDetails {
  return {
    buffer: describeBuffer(response.buffer),
    leases: response.leases.map(describeLease),
    cpuAccesses: response.cpuAccesses.map(describeCpuAccess),
    formerHolders: response.formerHolders.map(describeFormerHolder),
    referencesElsewhere:
      response.referencesElsewhere === undefined ? null : toInteger(response.referencesElsewhere),
  };
}

export function describePeer(peer: Peer__Output | null): PeerDescription | null {
  if (peer === null) return null;
  const { pid, uid, gid, groups, comm, cgroup, unit, container, isContained } = peer;
  return { pid, uid, gid, groups, comm, cgroup, unit, container, isContained };
}

/** Throws `INTERNAL` for an answer without a grant. */
export function describeGrant(grant: Grant__Output | null): GrantDescription {
  if (grant === null) throw new DmabufdError('INTERNAL', 'the answer carries no grant');
  const { uid, gid, cgroup } = grant.audience ?? {};
  return {
    id: toInteger(grant.id),
    bufferId: toInteger(grant.bufferId),
    access: ACCESSES[grant.access] ?? 'none',
    audience: {
      ...(uid === undefined ? {} : { uid }),
      ...(gid === undefined ? {} : { gid }),
      ...(cgroup === undefined || cgroup === '' ? {} : { cgroup }),
    },
    name: grant.name || null,
    expireTime: toDate(grant.expireTime),
    maxUses: grant.maxUses || null,
    uses: grant.uses,
  };
}

export function describeStatus(response: GetDaemonStatusResponse__Output): DaemonStatus {
  return {
    version: response.version,
    pid: response.pid,
    startTime: toDate(response.startTime),
    caller: describePeer(response.caller),
    callerIsAdministrator: response.callerIsAdministrator,
    hasOwnPidNamespace: response.hasOwnPidNamespace,
    hasOwnCgroupNamespace: response.hasOwnCgroupNamespace,
    totals: response.totals === null ? null : describeTotals(response.totals),
  };
}

/** What a lease of this message's access allows. */
export function describeAccess(access: Access__Output): LeaseAccess {
  return ACCESSES[access] ?? 'none';
}

export function toDate(timestamp: Timestamp__Output | null): Date | null {
  if (timestamp === null) return null;
  return new Date(Number(timestamp.seconds) * 1000 + timestamp.nanos / 1e6);
}

/** A uint64, which proto-loader gives as a decimal string. Throws `OUT_OF_RANGE` over 2^53 - 1. */
export function toInteger(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value)) return value;
  throw new DmabufdError('OUT_OF_RANGE', `${text}: over ${Number.MAX_SAFE_INTEGER}`);
}

function describeLease(lease: Lease__Output): LeaseDescription {
  return {
    sessionId: toInteger(lease.sessionId),
    peer: describePeer(lease.peer),
    access: ACCESSES[lease.access] ?? 'none',
    isOwner: lease.isOwner,
    createTime: toDate(lease.createTime),
  };
}

function describeFormerHolder(holder: FormerHolder__Output): FormerHolderDescription {
  const { sessionId, peer, endTime, revoked } = holder;
  return {
    sessionId: toInteger(sessionId),
    peer: describePeer(peer),
    endTime: toDate(endTime),
    revoked,
  };
}

function describeCpuAccess(entry: CpuAccessEntry__Output): CpuAccessDescription {
  return {
    sessionId: toInteger(entry.sessionId),
    peer: describePeer(entry.peer),
    writes: entry.writes,
    held: entry.held,
    waitsForFences: entry.waitsForFences,
    since: toDate(entry.since),
  };
}

function describeTotals(totals: LedgerTotals__Output): LedgerTotals {
  return { ...totals, chargedBytes: toInteger(totals.chargedBytes) };
}
