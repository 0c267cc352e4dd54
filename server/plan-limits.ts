/** The daemon's limits, from what its administrator said and what the kernel allows it. */
import type { Config } from './config';
import type { Limits } from './domain/limits';
import type { Log } from './log';
import { type FdBudget, planFds } from './runtime/fd-budget';
import { readFdLimit } from './runtime/open-fds';

/**
 * A dma-buf has the fd that the daemon keeps, and one more for each direction in which its fences are waited for. A memfd has
 * one that the daemon keeps, one for those who may write, and one, which cannot, for readers.
 */
const FDS_PER_BUFFER = 3;

/** On average. They cost memory and no fds. */
const LEASES_PER_BUFFER = 4;
const GRANTS_PER_BUFFER = 2;

/** `fdStoreCapacity`: how many fds are kept over a restart, of sessions and buffers; null if nothing is. */
export function planLimits(
  config: Config,
  fdStoreCapacity: number | null,
  log: Log,
): Limits & FdBudget {
  const { maxBytes, maxBufferBytes } = config;
  const budget = withinStore(planFds(readFdLimit(), FDS_PER_BUFFER, config), fdStoreCapacity);
  for (const name of ['maxSessions', 'maxBuffers'] as const) {
    const wanted = config[name];
    if (wanted === undefined || wanted === budget[name]) continue;
    log.warn(
      { limit: name, wanted, given: budget[name] },
      'RLIMIT_NOFILE, or the fd store of the service manager, does not allow so many',
    );
  }
  return {
    ...budget,
    maxBytes,
    maxBufferBytes,
    maxLeases: LEASES_PER_BUFFER * budget.maxBuffers,
    maxGrants: GRANTS_PER_BUFFER * budget.maxBuffers,
    maxCalls: 4096,
    // libuv's pool has four threads; the others are for SYNC, for closing, and for the log.
    maxAllocationsAtOnce: 2,
    slowWaitMs: config.slowWaitMs,
    maxQueuedEvents: 1024,
    maxWatchersPerSession: 4,
  };
}

/** What is taken on is also kept: a store that is too small for it would lose some with a restart. */
function withinStore({ maxSessions, maxBuffers }: FdBudget, capacity: number | null): FdBudget {
  if (capacity === null) return { maxSessions, maxBuffers };
  const sessions = Math.min(maxSessions, Math.max(Math.floor(capacity / 4), 1));
  return {
    maxSessions: sessions,
    maxBuffers: Math.min(maxBuffers, Math.max(capacity - sessions, 1)),
  };
}
