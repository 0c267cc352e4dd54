/**
 * The service manager's fd store (systemd.service(5), FileDescriptorStoreMax=): fds that outlive the process, each under a name of
 * its own. They come back by that name when the service is started again.
 */
import type { Fd } from '../../native';
import type { Log } from '../log';
import type { ServiceManager } from './service-manager';

export class FdStore {
  private readonly names = new Set<string>();

  constructor(
    private readonly manager: Pick<ServiceManager, 'storeFd' | 'removeFd' | 'pendingFds'>,
    /** FileDescriptorStoreMax= of the unit; 0 if there is no store. */
    readonly capacity: number,
    private readonly log: Log,
  ) {}

  /** There is one of this name from before. */
  found(name: string): void {
    this.names.add(name);
  }

  /** Stores a reference of its own. False if there is no room, which the daemon's limits see to. */
  put(name: string, fd: Fd): boolean {
    if (this.names.size >= this.capacity) {
      this.log.error(
        { name, capacity: this.capacity },
        'the fd store is full: a restart would lose this',
      );
      return false;
    }
    this.names.add(name);
    this.manager.storeFd(name, fd);
    return true;
  }

  /** Nothing if it is not there. */
  remove(name: string): void {
    if (this.names.delete(name)) this.manager.removeFd(name);
  }

  /** Resolves when the service manager has been told all; null if it has been already. */
  get pending(): Promise<void> | null {
    return this.manager.pendingFds;
  }
}
