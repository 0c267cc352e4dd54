/**
 * What the domain needs from outside. The adapters implement these over the kernel; the tests implement them in
 * memory. Nothing else reaches the domain.
 */
import type { Access, CpuAccessMode } from './access';
import type { DomainErrorCode } from './errors';
import type { BufferId, SessionId } from './ids';
import type { Peer } from './peer';

export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Calls back once, later. The answer cancels it. */
  after(delayMs: number, callback: () => void): () => void;
}

/** Makes secrets and recognises them again without keeping them. */
export interface Secrets {
  make(): { readonly secret: Uint8Array; readonly digest: string };
  /**
   * A one-way digest: what is stored and looked up. How long a look-up takes then tells nothing about the secret.
   */
  digest(secret: Uint8Array): string;
}

export type MemoryKind = 'dma-buf' | 'memfd';

/** One buffer's kernel object, held by one reference that {@link close} gives back. */
export interface Memory {
  readonly kind: MemoryKind;
  /** With `device`, what tells this kernel object from every other. */
  readonly inode: number;
  readonly device: number;
  /** Bytes, as the kernel said when it came; null if its kernel does not tell. */
  readonly sizeBytes: number | null;
  /** What the reference that we hold allows, and so the most that a lease can. */
  readonly access: Access;
  /** Whether the kernel itself keeps this peer from writing through the fd of a read lease. */
  enforcesReadOnly(peer: Peer): boolean;
  /** Asks the kernel now; null if it does not tell. */
  querySize(): number | null;
  /** Whether no fence stands in the way of such an access now. */
  isIdle(mode: CpuAccessMode): boolean;
  /**
   * Settles when the fences that stand in the way of such an access have signalled. Waits without a thread, for
   * any length of time; rejects when the signal is aborted.
   */
  whenIdle(mode: CpuAccessMode, signal: AbortSignal): Promise<void>;
  /**
   * DMA_BUF_IOCTL_SYNC START, soon: true, and an end is owed, or false since fences have come in, which are to be waited
   * for first.
   */
  beginCpuAccess(mode: CpuAccessMode): Promise<boolean>;
  /** DMA_BUF_IOCTL_SYNC END. */
  endCpuAccess(mode: CpuAccessMode): Promise<void>;
  /** Nobody will be given an fd of it any more: what is kept open only to be handed out is closed. */
  withdraw(): void;
  /**
   * How many references others have to it: fds, mappings, devices, fds on their way. Of a memfd the kernel tells only
   * whether there is one, and that only after {@link withdraw}. Null where it does not tell.
   */
  referencesElsewhere(): number | null;
  /** Gives the reference back; resolves, and never rejects, when the kernel has freed what it could. */
  close(): Promise<void>;
}

export type HeapKind = 'dma-heap' | 'udmabuf' | 'memfd';
export type HeapCapability = 'size' | 'sync' | 'fences' | 'names' | 'read-only-fd';

/** What the probe at start found out about a heap. */
export interface HeapDescription {
  readonly name: string;
  readonly kind: HeapKind;
  readonly memory: MemoryKind;
  readonly capabilities: readonly HeapCapability[];
  /** Bytes; null where no limit is known. */
  readonly maxBufferBytes: number | null;
  /** Why it cannot be used; null if it can. */
  readonly unavailableReason: string | null;
}

export interface Heap {
  readonly description: HeapDescription;
  /** What a buffer of that size really takes. */
  roundUp(sizeBytes: number): number;
  /** Zeroed memory of at least that size. */
  allocate(request: { readonly sizeBytes: number; readonly label: string }): Promise<Memory>;
}

/** A row of the table from which the fd plane hands out fds by itself. */
export interface LeaseRow {
  readonly bufferId: BufferId;
  readonly memory: Memory;
  readonly access: Access;
}

/** The fd plane's table. It follows the ledger: the domain puts and drops, never asks. */
export interface LeaseTable {
  /** Adds a row or replaces it. */
  put(sessionId: SessionId, row: LeaseRow): void;
  /** Nothing if there is no such row. */
  drop(sessionId: SessionId, bufferId: BufferId): void;
  /** The same, and the session is told that somebody else wanted it so. */
  revoke(sessionId: SessionId, bufferId: BufferId): void;
}

export type AuditAction =
  | 'connect'
  | 'authenticate'
  | 'open-session'
  | 'close-session'
  | 'allocate'
  | 'adopt'
  | 'release'
  | 'share'
  | 'open'
  | 'revoke'
  | 'reload-policy';

export type AuditDetails = Readonly<Record<string, string | number | boolean | null>>;

/** One request that changes, or would have changed, what somebody holds. */
export interface AuditRecord {
  readonly action: AuditAction;
  readonly sessionId: SessionId | null;
  readonly peer: Peer;
  /** Whose resources it uses. */
  readonly account: string;
  /** The rule of the policy that holds of the peer, and where it stands. */
  readonly rule: string;
  readonly details: AuditDetails;
  readonly outcome: 'allow' | 'deny';
  /** Only of a denial. */
  readonly code?: DomainErrorCode | 'internal';
  readonly reason?: string;
}

/** Where audit records go. */
export interface Audit {
  record(record: AuditRecord): void;
}

/** Told what its operator should know. */
export interface Reporter {
  /** Of defects, and of kernel errors that nobody waits for any more. */
  report(error: unknown, what: string): void;
  /** Of what is no error, but may become one for somebody. */
  warn(details: AuditDetails, what: string): void;
}
