/**
 * The service manager's fd store (systemd.service(5), FileDescriptorStoreMax=): fds that outlive the process, each under a name of
 * its own. They come back by that name when the service is started again.
 *
 * What is to be there and what is not is told one after the other, until it is heard: what has not been told yet and is of no use
 * any more is not told at all, so that however fast clients come and go, what is yet to be told is never more than they hold.
 */
import type { Fd } from '../../native';
import type { Clock } from '../domain/ports';
import type { Log } from '../log';
import { systemClock } from '../runtime/clock';
import type { ServiceManager } from './service-manager';

/** After the service manager has not listened: what is to be told is told again. */
const PAUSE_MS = 1_000;

/** How long anybody waits for a service manager that hangs: it may take longer until that is known for each thing that it is told. */
const PATIENCE_MS = 5_000;

/** What is yet to be told of a name. */
interface Untold {
  /** Counts up in the order in which they are told. */
  readonly number: number;
  /** Null: it is to be removed. */
  readonly fd: Fd | null;
  readonly onTold: (() => void)[];
}

export class FdStore {
  /** Those that are in the store, or on their way to it. */
  private readonly names = new Set<string>();
  /** First come first told. */
  private readonly untold = new Map<string, Untold>();
  private telling: string | null = null;
  private lastNumber = 0;
  /** Each for all that has been told up to a number; ascending. */
  private readonly waiters: { readonly upTo: number; readonly resolve: () => void }[] = [];

  constructor(
    private readonly manager: Pick<ServiceManager, 'storeFd' | 'removeFd'>,
    /** FileDescriptorStoreMax= of the unit; 0 if there is no store. */
    readonly capacity: number,
    private readonly log: Log,
    private readonly clock: Clock = systemClock,
  ) {}

  /** There is one of this name from before. */
  found(name: string): void {
    this.names.add(name);
  }

  /** Stores a reference of its own. False if that cannot be: for want of room, which the daemon's limits see to, or of fds. */
  put(name: string, fd: Fd): boolean {
    if (this.names.size >= this.capacity) {
      const { capacity } = this;
      this.log.error({ fdName: name, capacity }, 'the fd store is full: a restart would lose this');
      return false;
    }
    try {
      this.enter(name, fd.duplicate(), []);
    } catch (err) {
      this.log.error({ fdName: name, err }, 'a restart would lose this');
      return false;
    }
    this.names.add(name);
    this.tellNext();
    return true;
  }

  /** Resolves when the service manager has been told; at once if it never heard of it. */
  remove(name: string): Promise<void> {
    if (!this.names.delete(name)) return Promise.resolve();
    const untold = this.untold.get(name);
    if (untold !== undefined && this.telling !== name) {
      this.untold.delete(name);
      untold.fd?.close();
      this.wakeWaiters();
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      // Behind the one that is being told.
      this.untold.delete(name);
      this.enter(name, null, [resolve]);
      this.tellNext();
    });
  }

  /**
   * Resolves when the service manager has been told all that there is now, or does not listen: what waits for that would wait for
   * too long. Null if there is nothing.
   */
  get pending(): Promise<void> | null {
    if (this.untold.size === 0) return null;
    return new Promise((resolve) => {
      const waiter = {
        upTo: this.lastNumber,
        resolve: () => {
          cancel();
          resolve();
        },
      };
      const cancel = this.clock.after(PATIENCE_MS, () => {
        // Found at once: it is the first, as all have the same patience.
        this.waiters.splice(this.waiters.indexOf(waiter), 1);
        resolve();
      });
      this.waiters.push(waiter);
    });
  }

  private enter(name: string, fd: Fd | null, onTold: (() => void)[]): void {
    this.lastNumber += 1;
    this.untold.set(name, { number: this.lastNumber, fd, onTold });
  }

  private tellNext(): void {
    if (this.telling !== null) return;
    for (const [name, untold] of this.untold) {
      this.telling = name;
      void this.tell(name, untold);
      return;
    }
  }

  private async tell(name: string, untold: Untold): Promise<void> {
    const { fd } = untold;
    const isHeard = await (fd === null
      ? this.manager.removeFd(name)
      : this.manager.storeFd(name, fd));
    if (!isHeard) {
      this.giveUpWaiting();
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS).unref());
    }
    // If it is to be removed by now, that is what is told next; whether this one was heard is not certain.
    const isCurrent = this.untold.get(name) === untold;
    if (isHeard && isCurrent) this.untold.delete(name);
    if (isHeard || !isCurrent) {
      fd?.close();
      for (const resolve of untold.onTold) resolve();
      if (isCurrent) this.wakeWaiters();
    }
    this.telling = null;
    this.tellNext();
  }

  /** Those for whom nothing is left: what is told first has the least number. */
  private wakeWaiters(): void {
    const [first] = this.untold.values();
    const told = (first?.number ?? Number.POSITIVE_INFINITY) - 1;
    while (this.waiters[0] !== undefined && this.waiters[0].upTo <= told) {
      this.waiters.shift()?.resolve();
    }
  }

  private giveUpWaiting(): void {
    for (const { resolve } of this.waiters.splice(0)) resolve();
  }
}
