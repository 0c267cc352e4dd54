/** What the domain tells about itself: values that stay as they were when they were made. */
import type { Access } from './access';
import type { BufferId, GrantId, SessionId } from './ids';
import type { Peer } from './peer';
import type { MemoryKind } from './ports';

export type BufferOrigin = 'allocated' | 'adopted';

export interface BufferView {
  readonly id: BufferId;
  readonly heap: string;
  readonly origin: BufferOrigin;
  readonly memory: MemoryKind;
  /** Null if the kernel does not tell. */
  readonly sizeBytes: number | null;
  readonly label: string;
  readonly inode: number;
  /** Null for an administrator who looks without a lease. */
  readonly access: Access | null;
  readonly readOnlyEnforced: boolean;
  readonly createdAtMs: number;
  readonly leaseCount: number;
  readonly isOwner: boolean;
}

/** A session that may have kept an fd of a buffer when its lease ended. */
export interface FormerHolderView {
  readonly sessionId: SessionId;
  readonly peer: Peer;
  readonly endedAtMs: number;
  readonly how: 'released' | 'revoked';
}

export interface LeaseView {
  readonly sessionId: SessionId;
  readonly peer: Peer;
  readonly access: Access;
  readonly isOwner: boolean;
  readonly createdAtMs: number;
}

/** Who may use a grant: what is set must all hold. */
export interface Audience {
  readonly uid: number | null;
  readonly gid: number | null;
  /** This cgroup or one below it. */
  readonly cgroup: string | null;
}

export interface GrantView {
  readonly id: GrantId;
  readonly bufferId: BufferId;
  readonly access: Access;
  readonly audience: Audience;
  /** Null if it is opened by its secret. */
  readonly name: string | null;
  readonly expiresAtMs: number | null;
  /** Null for no limit. */
  readonly maxUses: number | null;
  readonly uses: number;
}

/** All 0 when the last session has ended and the kernel has returned from what it was asked. */
export interface Totals {
  readonly sessions: number;
  /** Leased ones. */
  readonly buffers: number;
  /** Those that nobody leases any more but somebody still has open. */
  readonly lingeringBuffers: number;
  readonly leases: number;
  readonly grants: number;
  readonly cpuAccesses: number;
  readonly waiters: number;
  readonly chargedBytes: number;
}
