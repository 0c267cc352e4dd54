/**
 * Whether, and how, this process has a predecessor and a successor. Both are there only together: a place for the facts
 * (`--state-dir`) and one for the fds, which a process cannot leave behind by itself: a service manager's fd store.
 */
import type { Log } from '../log';
import type { KeptCapacity } from '../plan-limits';
import { FdStore } from '../systemd/fd-store';
import type { ServiceManager } from '../systemd/service-manager';
import { type KeptFiles, readKeptFiles } from './kept-files';
import { StateDirectory } from './state-directory';
import { FileStateKeeper, keepsNothing, type StateKeeper } from './state-keeper';

export interface Continuity {
  readonly keeper: StateKeeper;
  readonly store: FdStore;
  /** How much there is room for; null if nothing is kept. */
  readonly capacity: KeptCapacity | null;
  /** What a predecessor left; null if nothing is kept. */
  readonly kept: KeptFiles | null;
}

export function openContinuity(options: {
  readonly manager: ServiceManager;
  readonly fdStoreCapacity: number;
  readonly stateDirectory: string | undefined;
  /** Of the fds that the service manager handed over. */
  readonly names: readonly string[];
  readonly log: Log;
}): Continuity {
  const { manager, fdStoreCapacity, stateDirectory, names, log } = options;
  const store = new FdStore(manager, fdStoreCapacity, log);
  for (const name of names) store.found(name);
  if (stateDirectory === undefined || fdStoreCapacity === 0) {
    const isForgotten = stateDirectory === undefined && fdStoreCapacity > 0;
    const missing =
      stateDirectory === undefined ? '--state-dir' : 'a service manager with an fd store';
    // With an fd store it is a mistake, and without nothing that anybody could mend.
    log[isForgotten ? 'warn' : 'info']({ missing }, 'a restart will end all sessions');
    return { keeper: keepsNothing, store, capacity: null, kept: null };
  }
  const files = StateDirectory.open(stateDirectory);
  const keeper = new FileStateKeeper(files, store, log);
  const kept = readKeptFiles(files, log);
  return { keeper, store, capacity: { fds: fdStoreCapacity, files: files.capacity }, kept };
}
