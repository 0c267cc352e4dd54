/** The addon's calls on one buffer, scripted. */
import type { Fd, FdDescription, SystemError } from '../../../../native';
import type { KernelCalls } from '../../../../server/heaps/kernel-memory';
import { type FakeFd, fakeFd } from '../fake-fd';

export function systemError(code: string, syscall: string): SystemError {
  return Object.assign(new Error(`${code}, ${syscall}`), { code, syscall, errno: 1 });
}

export class FakeKernelCalls implements KernelCalls {
  description: FdDescription = {
    kind: 'dma-buf',
    inode: 77,
    device: 7,
    access: 'read-write',
    seals: 0,
  };
  size: number | SystemError = 4096;
  isHeld = false;
  isBusyAtStart = false;
  readyEvents = 5;
  failure: SystemError | null = null;
  readonly syncs: number[] = [];
  readonly exported: FakeFd[] = [];
  readonly closedElsewhere: Fd[] = [];
  readonly watches: { readonly direction: string; readonly fire: () => void; closed: boolean }[] =
    [];

  describeFd(): FdDescription {
    return this.description;
  }

  sizeByLseek(): number {
    if (typeof this.size === 'number') return this.size;
    throw this.size;
  }

  sizeByStat(): number {
    return this.sizeByLseek();
  }

  reopen(): FakeFd {
    return fakeFd(9);
  }

  pollNow(_fd: unknown, events: number): number {
    return this.readyEvents & events;
  }

  watchFd(_fd: unknown, direction: 'readable' | 'writable', onReady: () => void) {
    const watch = { direction, fire: onReady, closed: false };
    this.watches.push(watch);
    return {
      close() {
        watch.closed = true;
      },
    };
  }

  async syncDmaBuf(_fd: unknown, flags: number): Promise<void> {
    if (this.failure !== null) throw this.failure;
    this.syncs.push(flags);
  }

  async beginSync(_fd: unknown, direction: number): Promise<boolean> {
    await this.syncDmaBuf(_fd, direction);
    return !this.isBusyAtStart;
  }

  exportSyncFile(): FakeFd {
    if (this.failure !== null) throw this.failure;
    const fd = fakeFd(11);
    this.exported.push(fd);
    return fd;
  }

  importSyncFile(): void {
    if (this.failure !== null) throw this.failure;
  }

  isHeldElsewhere(): boolean {
    return this.isHeld;
  }

  async closeFd(fd: Fd): Promise<void> {
    this.closedElsewhere.push(fd);
    fd.close();
  }
}
