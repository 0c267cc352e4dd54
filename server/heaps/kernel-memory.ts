/**
 * A buffer's kernel object over an fd of the addon. It owns the fd. A memfd has further open files: one to hand out to
 * writers, so that the kernel can tell who still holds it when the daemon has closed that, and, once a read lease asks for
 * it, one that cannot write. All are closed with it.
 */
import { DmaBufSync, type Fd, type NativeAddon, Poll } from '../../native';
import type { Access, CpuAccessMode } from '../domain/access';
import { DomainError } from '../domain/errors';
import type { Peer } from '../domain/peer';
import type { Memory, MemoryKind } from '../domain/ports';
import { asAnswer, isSystemError } from '../system-error';
import { readFdinfo } from './fdinfo';
import { FenceWait } from './fence-wait';

const SYNC_FLAGS: Readonly<Record<CpuAccessMode, number>> = {
  read: DmaBufSync.READ,
  write: DmaBufSync.WRITE,
  'read-write': DmaBufSync.RW,
};

/** What it asks of the addon. */
export type KernelCalls = Pick<
  NativeAddon,
  | 'sizeByLseek'
  | 'sizeByStat'
  | 'describeFd'
  | 'reopen'
  | 'pollNow'
  | 'watchFd'
  | 'syncDmaBuf'
  | 'beginSync'
  | 'exportSyncFile'
  | 'importSyncFile'
  | 'isHeldElsewhere'
  | 'closeFd'
>;

/** What the memory is made from. The fds are taken over. */
export interface KernelMemorySource {
  readonly fd: Fd;
  /** What leases to write hand out, if that is to be another open file than `fd`. */
  readonly writerFd?: Fd;
  readonly kind: MemoryKind;
  readonly access: Access;
  /**
   * Users who could make a read-only fd of it writable again: by its owner's right over its mode, or by root's. Null
   * if anybody could.
   */
  readonly readOnlyDefeatedBy: ReadonlySet<number> | null;
}

export class KernelMemory implements Memory {
  readonly kind: MemoryKind;
  readonly access: Access;
  readonly inode: number;
  readonly device: number;
  readonly sizeBytes: number | null;
  private readonly fd: Fd;
  private readonly writerFd: Fd;
  private readonly readOnlyDefeatedBy: ReadonlySet<number> | null;
  private readOnlyFd: Fd | null = null;
  private isWithdrawn = false;
  /** The service manager has a reference, too, for a later process of the daemon. */
  private isLent = false;
  /** Made for the first who waits: most buffers are never waited for. */
  private readable: FenceWait | null = null;
  private writable: FenceWait | null = null;

  /** Closes the fds if it throws. */
  constructor(
    private readonly addon: KernelCalls,
    source: KernelMemorySource,
  ) {
    this.fd = source.fd;
    this.writerFd = source.writerFd ?? source.fd;
    this.kind = source.kind;
    this.access = source.access;
    this.readOnlyDefeatedBy = source.readOnlyDefeatedBy;
    try {
      const { inode, device } = addon.describeFd(this.fd);
      this.inode = inode;
      this.device = device;
      this.sizeBytes = this.querySize();
    } catch (error) {
      void this.close();
      throw error;
    }
  }

  /** The fd that a lease hands out. It stays this object's. */
  fdFor(access: Access): Fd {
    const hasReadOnly = this.kind === 'memfd' && this.access === 'read-write';
    if (access === 'read-write' || !hasReadOnly) return this.writerFd;
    try {
      this.readOnlyFd ??= this.addon.reopen(this.fd, 'read-only');
      return this.readOnlyFd;
    } catch (error) {
      if (isSystemError(error) && error.code === 'EAGAIN') {
        const what =
          'whoever brought this memfd has a lease on it (F_SETLEASE): it cannot be opened';
        throw new DomainError('failed-precondition', what, { cause: error });
      }
      throw asAnswer(error, 'opening the buffer read-only');
    }
  }

  /** Has somebody keep a reference that counts as the daemon's own; `store` answers whether he does. */
  lend(store: (fd: Fd) => boolean): void {
    this.isLent = store(this.fd);
  }

  enforcesReadOnly(peer: Peer): boolean {
    return this.readOnlyDefeatedBy !== null && !this.readOnlyDefeatedBy.has(peer.uid);
  }

  querySize(): number | null {
    try {
      // lseek waits for others who read the same open file of a memfd, which a client may see to that there always are.
      return this.kind === 'memfd'
        ? this.addon.sizeByStat(this.fd)
        : this.addon.sizeByLseek(this.fd);
    } catch (error) {
      if (isSystemError(error) && error.code === 'ESPIPE') return null;
      throw asAnswer(error, 'asking the kernel for the size');
    }
  }

  isIdle(mode: CpuAccessMode): boolean {
    if (this.kind === 'memfd') return true;
    return this.addon.pollNow(this.fd, mode === 'read' ? Poll.IN : Poll.OUT) !== 0;
  }

  async whenIdle(mode: CpuAccessMode, signal: AbortSignal): Promise<void> {
    if (this.isIdle(mode)) return;
    await this.fenceWait(mode).ready(signal);
  }

  private fenceWait(mode: CpuAccessMode): FenceWait {
    if (mode === 'read') {
      this.readable ??= new FenceWait(this.addon, this.fd, 'readable');
      return this.readable;
    }
    this.writable ??= new FenceWait(this.addon, this.fd, 'writable');
    return this.writable;
  }

  async beginCpuAccess(mode: CpuAccessMode): Promise<boolean> {
    if (this.kind === 'memfd') return true;
    try {
      return await this.addon.beginSync(this.fd, SYNC_FLAGS[mode]);
    } catch (error) {
      throw asAnswer(error, 'beginning the CPU access');
    }
  }

  async endCpuAccess(mode: CpuAccessMode): Promise<void> {
    if (this.kind === 'memfd') return;
    try {
      await this.addon.syncDmaBuf(this.fd, SYNC_FLAGS[mode] | DmaBufSync.END);
    } catch (error) {
      throw asAnswer(error, 'ending the CPU access');
    }
  }

  /** A snapshot of the fences that stand in the way of such an access, as a sync_file that the caller owns. */
  exportFence(mode: CpuAccessMode): Fd {
    try {
      return this.addon.exportSyncFile(this.fd, SYNC_FLAGS[mode]);
    } catch (error) {
      throw asAnswer(error, 'exporting a fence');
    }
  }

  /** Adds a sync_file's fences to the buffer. The sync_file stays the caller's. */
  importFence(mode: CpuAccessMode, syncFile: Fd): void {
    try {
      this.addon.importSyncFile(this.fd, SYNC_FLAGS[mode], syncFile);
    } catch (error) {
      throw asAnswer(error, 'importing the fence');
    }
  }

  withdraw(): void {
    this.readOnlyFd?.close();
    this.readOnlyFd = null;
    if (this.writerFd !== this.fd) this.writerFd.close();
    this.isWithdrawn = true;
  }

  referencesElsewhere(): number | null {
    if (this.kind === 'dma-buf') {
      // The kernel has taken off the reference that reading this took.
      const count = readFdinfo(this.fd).get('count');
      const watched = (this.readable?.fdCount ?? 0) + (this.writable?.fdCount ?? 0);
      const own = 1 + Number(this.isLent) + watched;
      return count === undefined ? null : Math.max(Number(count) - own, 0);
    }
    // Until then what is handed out is open here, too.
    if (!this.isWithdrawn || this.writerFd === this.fd) return null;
    return this.addon.isHeldElsewhere(this.fd) ? 1 : 0;
  }

  /** Off the event loop: freeing a huge buffer takes long. */
  async close(): Promise<void> {
    this.withdraw();
    await this.addon.closeFd(this.fd);
  }
}
