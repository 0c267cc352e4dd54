/** What the domain tells, as the messages of proto/dmabufd/v1. */
import type { Access as AccessMessage } from '../../proto/generated/dmabufd/v1/Access';
import type { Buffer as BufferMessage } from '../../proto/generated/dmabufd/v1/Buffer';
import type { CpuAccessEntry as CpuAccessEntryMessage } from '../../proto/generated/dmabufd/v1/CpuAccessEntry';
import type { FormerHolder as FormerHolderMessage } from '../../proto/generated/dmabufd/v1/FormerHolder';
import type { Grant as GrantMessage } from '../../proto/generated/dmabufd/v1/Grant';
import type { Heap as HeapMessage } from '../../proto/generated/dmabufd/v1/Heap';
import type { Lease as LeaseMessage } from '../../proto/generated/dmabufd/v1/Lease';
import type { Peer as PeerMessage } from '../../proto/generated/dmabufd/v1/Peer';
import type { Duration } from '../../proto/generated/google/protobuf/Duration';
import type { Timestamp } from '../../proto/generated/google/protobuf/Timestamp';
import type { Access } from '../domain/access';
import type { CpuAccessEntry } from '../domain/cpu-access';
import type { Peer } from '../domain/peer';
import type { HeapDescription } from '../domain/ports';
import type { BufferView, FormerHolderView, GrantView, LeaseView } from '../domain/views';

const SECOND_MS = 1000;
const NANOS_PER_MS = 1_000_000;

const HEAP_KINDS = {
  'dma-heap': 'HEAP_KIND_DMA_HEAP',
  udmabuf: 'HEAP_KIND_UDMABUF',
  memfd: 'HEAP_KIND_MEMFD',
} as const;
const MEMORY_KINDS = { 'dma-buf': 'MEMORY_KIND_DMA_BUF', memfd: 'MEMORY_KIND_MEMFD' } as const;
const CAPABILITIES = {
  size: 'HEAP_CAPABILITY_SIZE',
  sync: 'HEAP_CAPABILITY_SYNC',
  fences: 'HEAP_CAPABILITY_FENCES',
  names: 'HEAP_CAPABILITY_NAMES',
  'read-only-fd': 'HEAP_CAPABILITY_READ_ONLY_FD',
} as const;
const ORIGINS = { allocated: 'BUFFER_ORIGIN_ALLOCATED', adopted: 'BUFFER_ORIGIN_ADOPTED' } as const;
const ACCESSES = { read: 'ACCESS_READ', 'read-write': 'ACCESS_READ_WRITE' } as const;

export function toAccess(access: Access | null): AccessMessage {
  return access === null ? 'ACCESS_UNSPECIFIED' : ACCESSES[access];
}

export function toTimestamp(timeMs: number): Timestamp {
  const seconds = Math.floor(timeMs / SECOND_MS);
  return { seconds, nanos: Math.round((timeMs - seconds * SECOND_MS) * NANOS_PER_MS) };
}

/** Of the same form. */
export function toDuration(durationMs: number): Duration {
  return toTimestamp(durationMs);
}

export function toPeer(peer: Peer): PeerMessage {
  const { startTime: _startTime, pidfsInode: _pidfsInode, groups, ...told } = peer;
  return { ...told, groups: [...groups] };
}

export function toHeap(heap: HeapDescription, isDefault: boolean): HeapMessage {
  return {
    name: heap.name,
    kind: HEAP_KINDS[heap.kind],
    memory: MEMORY_KINDS[heap.memory],
    isDefault,
    capabilities: heap.capabilities.map((capability) => CAPABILITIES[capability]),
    maxBufferBytes: heap.maxBufferBytes ?? 0,
    unavailableReason: heap.unavailableReason ?? '',
  };
}

export function toBuffer(buffer: BufferView): BufferMessage {
  return {
    id: buffer.id,
    heap: buffer.heap,
    origin: ORIGINS[buffer.origin],
    memory: MEMORY_KINDS[buffer.memory],
    sizeBytes: buffer.sizeBytes ?? 0,
    sizeUnknown: buffer.sizeBytes === null,
    label: buffer.label,
    inode: buffer.inode,
    access: toAccess(buffer.access),
    readOnlyEnforced: buffer.readOnlyEnforced,
    createTime: toTimestamp(buffer.createdAtMs),
    leaseCount: buffer.leaseCount,
    isOwner: buffer.isOwner,
  };
}

export function toLease(lease: LeaseView): LeaseMessage {
  return {
    sessionId: lease.sessionId,
    peer: toPeer(lease.peer),
    access: toAccess(lease.access),
    isOwner: lease.isOwner,
    createTime: toTimestamp(lease.createdAtMs),
  };
}

export function toFormerHolder({
  sessionId,
  peer,
  endedAtMs,
  how,
}: FormerHolderView): FormerHolderMessage {
  const endTime = toTimestamp(endedAtMs);
  return { sessionId, peer: toPeer(peer), endTime, revoked: how === 'revoked' };
}

export function toCpuAccessEntry(entry: CpuAccessEntry): CpuAccessEntryMessage {
  return {
    sessionId: entry.sessionId,
    peer: toPeer(entry.peer),
    writes: entry.writes,
    held: entry.held,
    waitsForFences: entry.waitsForFences,
    since: toTimestamp(entry.sinceMs),
  };
}

export function toGrant(grant: GrantView): GrantMessage {
  const { uid, gid, cgroup } = grant.audience;
  return {
    id: grant.id,
    bufferId: grant.bufferId,
    access: toAccess(grant.access),
    audience: {
      ...(uid === null ? {} : { uid }),
      ...(gid === null ? {} : { gid }),
      cgroup: cgroup ?? '',
    },
    name: grant.name ?? '',
    expireTime: grant.expiresAtMs === null ? null : toTimestamp(grant.expiresAtMs),
    maxUses: grant.maxUses ?? 0,
    uses: grant.uses,
  };
}
