/**
 * What outlives the process: facts about one thing each, as they are when it is kept. They name one another by id, so that the
 * loss of one costs what hangs on it and nothing else.
 */
import type { Access, CpuAccessMode } from './access';
import type { BufferId, GrantId, SessionId } from './ids';
import type { Peer } from './peer';
import type { Memory, MemoryKind } from './ports';
import type { Audience, BufferOrigin } from './views';

export interface SessionFact {
  readonly id: SessionId;
  readonly peer: Peer;
  /** Whose resources it uses, whatever a later policy says. */
  readonly account: string;
}

export interface BufferFact {
  readonly id: BufferId;
  readonly heap: string;
  readonly origin: BufferOrigin;
  /** What tells its kernel object from every other, and what is checked of it before it is believed to be the same. */
  readonly kind: MemoryKind;
  readonly device: number;
  readonly inode: number;
  /** Null if the kernel does not tell. */
  readonly sizeBytes: number | null;
  readonly access: Access;
  readonly label: string;
  readonly createdAtMs: number;
  readonly account: string;
  /** What the account is charged, and how many bytes. */
  readonly chargedBytes: number;
}

/** What the maker of a grant asked for. */
export interface GrantTerms {
  readonly bufferId: BufferId;
  readonly maker: SessionId;
  readonly access: Access;
  readonly audience: Audience;
  /** Null if it is opened by the secret of this digest. */
  readonly name: string | null;
  readonly digest: string | null;
  readonly maxUses: number | null;
}

export interface GrantFact extends GrantTerms {
  readonly id: GrantId;
  readonly expiresAtMs: number | null;
  readonly uses: number;
  /** It opens nothing any more, but its maker may still revoke what it gave. */
  readonly ended: boolean;
  readonly account: string;
}

export interface LeaseFact {
  readonly sessionId: SessionId;
  readonly bufferId: BufferId;
  readonly access: Access;
  readonly isOwner: boolean;
  readonly createdAtMs: number;
  /** The grants that gave it something. */
  readonly openedWith: readonly GrantId[];
  readonly account: string;
}

/** From before SYNC START until after SYNC END: what the kernel may be owed. */
export interface CpuAccessFact {
  readonly sessionId: SessionId;
  readonly bufferId: BufferId;
  readonly mode: CpuAccessMode;
}

/** The least ids that were never given. */
export interface FreeIds {
  readonly session: number;
  readonly buffer: number;
  readonly grant: number;
}

export const FIRST_IDS: FreeIds = { session: 1, buffer: 1, grant: 1 };

/**
 * Remembers, for a later process of the daemon. Something that is kept again replaces what was kept of it. Never throws: what
 * cannot be kept is lost with this process, and its operator is told.
 */
export interface Keeper {
  keepSession(fact: SessionFact): void;
  forgetSession(id: SessionId): void;
  keepBuffer(fact: BufferFact, memory: Memory): void;
  /** Resolves when nobody has its memory for a later process any more. */
  forgetBuffer(id: BufferId): Promise<void>;
  keepGrant(fact: GrantFact): void;
  forgetGrant(id: GrantId): void;
  keepLease(fact: LeaseFact): void;
  forgetLease(sessionId: SessionId, bufferId: BufferId): void;
  keepCpuAccess(fact: CpuAccessFact): void;
  forgetCpuAccess(sessionId: SessionId, bufferId: BufferId): void;
  /** Whether it is kept: until it is, it is to be said again. */
  keepFreeIds(ids: FreeIds): boolean;
}

const nothing = (): void => {};

/** Where nothing outlives the process. */
export const forgetful: Keeper = {
  keepSession: nothing,
  forgetSession: nothing,
  keepBuffer: nothing,
  forgetBuffer: () => Promise.resolve(),
  keepGrant: nothing,
  forgetGrant: nothing,
  keepLease: nothing,
  forgetLease: nothing,
  keepCpuAccess: nothing,
  forgetCpuAccess: nothing,
  keepFreeIds: () => true,
};

/** What an earlier process kept. */
export interface KeptFacts {
  readonly sessions: readonly SessionFact[];
  readonly buffers: readonly { readonly fact: BufferFact; readonly memory: Memory }[];
  readonly grants: readonly GrantFact[];
  readonly leases: readonly LeaseFact[];
  readonly cpuAccesses: readonly CpuAccessFact[];
}
