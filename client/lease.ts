/**
 * This process's hold on one buffer: the session that leases it, its fd (fetched once), its mapping (made once) and the
 * order of accesses to it. Shared by all the SharedBuffers that were opened on the buffer; the last of them to be
 * released gives the lease back. Owns the fd and the mapping.
 */
import type { Fd, Mapping, NativeAddon } from '../native';
import { Flag } from '../proto/fd-numbers';
import { type CallLimits, endOfMany } from './call-limits';
import type { BufferDescription } from './descriptions';
import { ConnectionLostError, DmabufdError, errorOfAbort } from './errors';
import type { Fetched, Session } from './session';
import { Turns } from './turns';

/** What a lease needs of the addon. */
export type LeasePort = Pick<
  NativeAddon,
  'map' | 'syncDmaBuf' | 'beginSync' | 'watchFd' | 'exportSyncFile' | 'importSyncFile'
>;

/** A lease, counted. */
export class Lease {
  readonly session: Session;
  readonly port: LeasePort;
  readonly turns = new Turns();
  description: BufferDescription;
  #holders = 0;
  #fetched: Promise<Fetched> | null = null;
  #mapping: Promise<Mapping> | null = null;
  /** What an earlier, narrower access had; closed with the rest. */
  readonly #outgrown: Promise<Disposable>[] = [];
  readonly #ending = endOfMany();

  constructor(session: Session, port: LeasePort, description: BufferDescription) {
    this.session = session;
    this.port = port;
    this.description = description;
  }

  get id(): number {
    return this.description.id;
  }

  /** The session has ended, and the daemon has forgotten this lease. */
  get lost(): boolean {
    return this.session.endedBy !== null;
  }

  /** Aborted, with the reason, when the lease is given back, closed or revoked. */
  get ending(): AbortSignal {
    return this.#ending.signal;
  }

  /** Throws if the daemon cannot be asked about this buffer any more. */
  requireLive(): void {
    this.requireHeld();
    const cause = this.session.endedBy;
    if (cause === null) return;
    throw new ConnectionLostError(
      `buffer ${this.id} was lost with its session: ${cause.message}; allocate or open it again`,
      { cause },
    );
  }

  /** Throws if this process has given the buffer up, or the lease was revoked. */
  requireHeld(): void {
    if (this.ending.aborted) throw errorOfAbort(this.ending, `buffer ${this.id}`);
  }

  hold(): void {
    this.#holders += 1;
  }

  /** True for the last holder, who then ends the lease. */
  letGo(): boolean {
    this.#holders -= 1;
    return this.#holders === 0;
  }

  /** The lease was opened again, perhaps with a wider access: what was fetched for the narrower one serves no longer. */
  widen(description: BufferDescription): void {
    if (description.access !== this.description.access) {
      if (this.#fetched !== null) this.#outgrown.push(this.#fetched.then(({ fd }) => fd));
      if (this.#mapping !== null) this.#outgrown.push(this.#mapping);
      this.#fetched = null;
      this.#mapping = null;
    }
    this.description = description;
  }

  /** The buffer's fd. It stays the lease's. */
  async fd(limits: CallLimits): Promise<Fd> {
    return (await this.#fetch(limits)).fd;
  }

  /** A mapping of the caller's own. */
  async mapAnew(limits: CallLimits): Promise<Mapping> {
    const { fd, sizeBytes, flags } = await this.#fetch(limits);
    if (sizeBytes === 0) {
      throw new DmabufdError(
        'FAILED_PRECONDITION',
        `buffer ${this.id}: its kernel does not tell its size, so it cannot be mapped`,
      );
    }
    const writes = (flags & Flag.WRITE) !== 0;
    return this.port.map(fd, sizeBytes, writes ? 'read-write' : 'read-only');
  }

  /** The lease's own mapping: the page faults of a large buffer are paid once. */
  async mapping(limits: CallLimits): Promise<Mapping> {
    this.#mapping ??= this.mapAnew(limits).catch((error: unknown) => {
      this.#mapping = null;
      throw error;
    });
    return this.#mapping;
  }

  /** Gives the lease back: ends accesses under way, unmaps, closes the fd, tells the daemon if there still is one. */
  async release(limits: CallLimits): Promise<void> {
    const isRevoked = this.ending.aborted;
    this.dispose(releasedError(this.id));
    if (!this.lost && !isRevoked) await this.session.release(this.id, limits);
  }

  /** Lets go of everything in this process. */
  dispose(reason: DmabufdError): void {
    if (this.ending.aborted) return;
    this.#ending.abort(reason);
    if (this.#mapping !== null) this.#outgrown.push(this.#mapping);
    if (this.#fetched !== null) this.#outgrown.push(this.#fetched.then(({ fd }) => fd));
    for (const resource of this.#outgrown.splice(0)) {
      resource.then(
        (opened) => opened[Symbol.dispose](),
        () => {},
      );
    }
  }

  #fetch(limits: CallLimits): Promise<Fetched> {
    this.requireHeld();
    // Without asking whether the session lives: what was fetched before works on after it.
    this.#fetched ??= this.#fetchNow(limits).catch((error: unknown) => {
      this.#fetched = null;
      throw error;
    });
    return this.#fetched;
  }

  async #fetchNow(limits: CallLimits): Promise<Fetched> {
    this.requireLive();
    return this.session.fetch(this.id, limits);
  }
}

function releasedError(bufferId: number): DmabufdError {
  return new DmabufdError('FAILED_PRECONDITION', `buffer ${bufferId} was released by this process`);
}
