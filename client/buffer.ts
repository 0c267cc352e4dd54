/**
 * A buffer as an application holds it. Several SharedBuffers of one process may stand on one lease; each is
 * released once, by itself.
 */
import type { Fd, Mapping } from '../native';
import type { AccessMode } from './access-mode';
import { CallLimits, type CallOptions } from './call-limits';
import { type AccessOptions, withAccess } from './cpu-access';
import type { BufferDescription, BufferDetails } from './descriptions';
import { DmabufdError } from './errors';
import { exportFence, type FenceOptions, importFence, waitForFences } from './fences';
import { getBuffer } from './inspection';
import type { Lease } from './lease';
import { type Share, type ShareOptions, shareBuffer } from './share';

/** A lease on a buffer. Release it, or `await using` it. */
export class SharedBuffer implements AsyncDisposable {
  readonly #lease: Lease;
  readonly #onReleased: (lease: Lease) => void;
  #released = false;

  /** For the broker: takes hold of the lease; `onReleased` is called when its last holder has let go. */
  constructor(lease: Lease, onReleased: (lease: Lease) => void) {
    this.#lease = lease;
    this.#onReleased = onReleased;
    lease.hold();
  }

  get id(): number {
    return this.#lease.id;
  }

  /** As the kernel gave it, rounded up to pages; null if the kernel does not tell. */
  get sizeBytes(): number | null {
    return this.description.sizeBytes;
  }

  /** The buffer as it was when it was opened: heap, memory, label, inode, what the lease allows and so on. */
  get description(): BufferDescription {
    return this.#lease.description;
  }

  /** The session has ended: every call that needs the daemon rejects with ConnectionLostError. Mappings go on working. */
  get lost(): boolean {
    return this.#lease.lost;
  }

  get released(): boolean {
    return this.#released || this.#lease.ending.aborted;
  }

  /** The buffer's fd, fetched once. It stays this buffer's, and is closed with it: `duplicate()` what is to outlive it. */
  async fd(options?: CallOptions): Promise<Fd> {
    this.#requireHeld();
    return this.#lease.fd(new CallLimits(options));
  }

  /**
   * Maps the memory for the caller, who unmaps it; it works on after the buffer was released and the daemon is gone.
   * Nothing brackets what is done through it: prefer {@link access}.
   */
  async map(options?: CallOptions): Promise<Mapping> {
    this.#requireHeld();
    return this.#lease.mapAnew(new CallLimits(options));
  }

  /**
   * Runs a callback inside an access of the CPU and ends the access, whatever the callback does. The view is the
   * memory itself, detached (`byteLength` 0) when the access ends. With a lease for reading only it is a copy,
   * because JavaScript has no read-only views; {@link read} copies just what is wanted. Do not write in a read access.
   *
   * Accesses of this process to one buffer queue; one inside another on the same buffer waits for itself until its deadline.
   *
   * Rejects with what the callback throws, or `DEADLINE_EXCEEDED` (not had within `timeoutMs`), `CANCELLED`,
   * `PERMISSION_DENIED` (writing with a read lease), ConnectionLostError.
   */
  async access<T>(
    mode: AccessMode,
    callback: (view: Uint8Array) => T | Promise<T>,
    options?: AccessOptions,
  ): Promise<T> {
    this.#requireHeld();
    requireCallback(callback);
    return withAccess(this.#lease, mode, (mapping) => withView(mapping, callback), options);
  }

  /** Copies bytes out inside a read access. `length` defaults to all that follows `offset`. */
  async read(offset = 0, length?: number, options?: AccessOptions): Promise<Uint8Array> {
    this.#requireHeld();
    return withAccess(
      this.#lease,
      'read',
      (mapping) => {
        const count = length ?? Math.max(0, mapping.length - offset);
        requireRange(offset, count, mapping.length);
        const bytes = new Uint8Array(count);
        mapping.read(offset, bytes);
        return bytes;
      },
      options,
    );
  }

  /** Copies bytes in inside a write access. */
  async write(offset: number, bytes: Uint8Array, options?: AccessOptions): Promise<void> {
    this.#requireHeld();
    await withAccess(
      this.#lease,
      'write',
      (mapping) => {
        requireRange(offset, bytes.length, mapping.length);
        mapping.write(offset, bytes);
      },
      options,
    );
  }

  /** Lets others open the buffer. Its owner's to do. */
  async share(share: ShareOptions = {}, options?: CallOptions): Promise<Share> {
    this.#requireLive();
    return shareBuffer(this.#lease.session, this.id, share, new CallLimits(options));
  }

  /** The size that the kernel tells now; null if it does not tell sizes. */
  async size(options?: CallOptions): Promise<number | null> {
    this.#requireLive();
    const { control } = this.#lease.session;
    const request = { bufferId: this.id };
    const { GetBufferSize } = control.methods.buffers;
    const answer = await control.call(GetBufferSize, request, new CallLimits(options));
    return answer.supported ? Number(answer.sizeBytes) : null;
  }

  /** The buffer as it is now, who holds it and who accesses it. */
  async describe(options?: CallOptions): Promise<BufferDetails> {
    this.#requireLive();
    return getBuffer(this.#lease.session.control, this.id, new CallLimits(options));
  }

  /**
   * Waits until no fence stands in the way of such an access: for `'read'` until no device's write is outstanding, for the
   * others until nothing is. Takes no access. Of a memfd, which has no fences, it resolves at once. `DEADLINE_EXCEEDED`: the
   * daemon's message says for how long they have been pending.
   */
  async waitForFences(mode: AccessMode, options?: FenceOptions): Promise<void> {
    this.#requireHeld();
    return waitForFences(this.#lease, mode, options);
  }

  /**
   * A snapshot of the fences that stand in the way of such an access, as a sync_file: fences that come later are not in it,
   * and without any it is signalled already. The caller closes it. `UNIMPLEMENTED`: this kernel (before Linux 6.0) or a memfd has none.
   */
  async exportFence(mode: AccessMode, options?: FenceOptions): Promise<Fd> {
    this.#requireHeld();
    return exportFence(this.#lease, mode, options);
  }

  /**
   * Adds a sync_file's fences to the buffer: as of a device that reads (`'read'`), which keeps only writers waiting, or of one
   * that writes, which keeps everybody waiting. The sync_file stays the caller's.
   */
  async importFence(mode: AccessMode, fence: Fd, options?: FenceOptions): Promise<void> {
    this.#requireHeld();
    return importFence(this.#lease, mode, fence, options);
  }

  /**
   * Lets go of the buffer. The last SharedBuffer on it in this process ends the accesses under way, unmaps, closes the
   * fd and gives the lease back. Does nothing the second time.
   */
  async release(options?: CallOptions): Promise<void> {
    if (this.#released) return;
    this.#released = true;
    if (!this.#lease.letGo()) return;
    this.#onReleased(this.#lease);
    await this.#lease.release(new CallLimits(options));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  #requireHeld(): void {
    if (this.#released) {
      throw new DmabufdError('FAILED_PRECONDITION', `buffer ${this.id} was released`);
    }
    this.#lease.requireHeld();
  }

  #requireLive(): void {
    this.#requireHeld();
    this.#lease.requireLive();
  }
}

function withView<T>(
  mapping: Mapping,
  callback: (view: Uint8Array) => T | Promise<T>,
): T | Promise<T> {
  return mapping.writable ? callback(new Uint8Array(mapping.view())) : withCopy(mapping, callback);
}

async function withCopy<T>(
  mapping: Mapping,
  callback: (view: Uint8Array) => T | Promise<T>,
): Promise<T> {
  const copy = new Uint8Array(mapping.length);
  mapping.read(0, copy);
  try {
    return await callback(copy);
  } finally {
    // As the memory itself would be: a view kept too long is empty, with every kind of lease.
    structuredClone(copy.buffer, { transfer: [copy.buffer] });
  }
}

function requireRange(offset: number, length: number, limit: number): void {
  const valid = Number.isSafeInteger(offset) && Number.isSafeInteger(length);
  if (valid && offset >= 0 && length >= 0 && offset + length <= limit) return;
  throw new DmabufdError(
    'OUT_OF_RANGE',
    `offset ${offset}, length ${length}: the buffer has ${limit} bytes`,
  );
}

function requireCallback(callback: unknown): void {
  if (typeof callback === 'function') return;
  throw new DmabufdError('INVALID_ARGUMENT', `callback: ${typeof callback}: must be a function`);
}
