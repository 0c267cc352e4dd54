/**
 * What the books are made of: sessions, the buffers that they lease, the leases, and the grants by which others came to
 * theirs. A lease knows the grants that it was opened with and a grant the leases that it gave, so that either can
 * end without a search. ledger.ts and grants.ts keep them.
 */
import type { Access } from './access';
import { AscendingIds } from './ascending-ids';
import type { CpuAccess } from './cpu-access';
import type { GrantTerms } from './facts';
import type { BufferId, GrantId, SessionId } from './ids';
import type { Peer } from './peer';
import type { Memory } from './ports';
import type { Charge } from './quota';
import type { BufferOrigin } from './views';

/** One connection of a peer to the fd socket. All that a client has hangs on it. */
export class Session {
  readonly leases = new Map<BufferId, Lease>();
  readonly bufferIds = new AscendingIds<BufferId>();
  /** Set when it ends, for those who still wait for something on its behalf. */
  ended = false;

  constructor(
    readonly id: SessionId,
    readonly peer: Peer,
    readonly charge: Charge,
  ) {}
}

/** One session's right to a buffer. */
export interface Lease {
  readonly session: Session;
  readonly buffer: BufferRecord;
  access: Access;
  readonly isOwner: boolean;
  readonly createdAtMs: number;
  readonly charge: Charge;
  /** The grants that gave it something; revoking any of them with its leases ends it. Null if none ever did. */
  openedWith: Set<Grant> | null;
}

/** A session whose lease has ended, and which may have kept an fd of the buffer. */
export interface FormerHolder {
  readonly sessionId: SessionId;
  readonly peer: Peer;
  readonly endedAtMs: number;
  readonly how: 'released' | 'revoked';
}

/** A buffer that somebody leases, or, without leases, one that somebody still has open. */
export interface BufferRecord {
  readonly id: BufferId;
  readonly heap: string;
  readonly origin: BufferOrigin;
  readonly memory: Memory;
  readonly label: string;
  readonly createdAtMs: number;
  readonly charge: Charge;
  readonly leases: Map<SessionId, Lease>;
  readonly formerHolders: FormerHolder[];
  /** Made at the first access. */
  cpuAccess: CpuAccess | null;
}

/** A permission to open a buffer. */
export interface Grant extends GrantTerms {
  readonly id: GrantId;
  readonly expiresAtMs: number | null;
  uses: number;
  ended: boolean;
  readonly charge: Charge;
  /** Those that were opened with it and live. */
  readonly leases: Set<Lease>;
  cancelExpiry: () => void;
}
