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
/** Itself, its leases, as many accesses, and its grants, which may take two pages. */
const FILES_PER_BUFFER = 1 + 2 * LEASES_PER_BUFFER + 2 * GRANTS_PER_BUFFER;
/** Itself, and its token. */
const FILES_PER_SESSION = 2;

/** What there is room for over a restart. */
export interface KeptCapacity {
  /** Of sessions and buffers together. */
  readonly fds: number;
  /** Of all that is noted. */
  readonly files: number;
}

/** `kept` is null if nothing is kept over a restart. */
export function planLimits(config: Config, kept: KeptCapacity | null, log: Log): Limits & FdBudget {
  const { maxBytes, maxBufferBytes } = config;
  const budget = withinKept(planFds(readFdLimit(), FDS_PER_BUFFER, config), kept);
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

/** What is taken on is also kept: where there is too little room for it, a restart would lose some. */
function withinKept({ maxSessions, maxBuffers }: FdBudget, kept: KeptCapacity | null): FdBudget {
  if (kept === null) return { maxSessions, maxBuffers };
  const sessions = Math.min(maxSessions, Math.max(Math.floor(kept.fds / 4), 1));
  const byFds = kept.fds - sessions;
  const byFiles = Math.floor((kept.files - FILES_PER_SESSION * sessions) / FILES_PER_BUFFER);
  return {
    maxSessions: sessions,
    maxBuffers: Math.min(maxBuffers, Math.max(byFds, 1), Math.max(byFiles, 1)),
  };
}
