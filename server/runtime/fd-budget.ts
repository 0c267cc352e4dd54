/**
 * How the daemon's fds are shared out, so that a client is refused before the kernel refuses the daemon. What is asked for
 * is given as far as RLIMIT_NOFILE goes; sessions get at most half of it.
 */

/**
 * Its connection, its pidfd, a control connection, the second fd that watches that, and two that a relayed one costs more
 * (before Linux 6.16; a newer kernel has them to spare).
 */
const FDS_PER_SESSION = 6;
/** The process's own, those that come and go with a request, and three for each of 64 connections that wait to be identified. */
const FDS_OF_THE_PROCESS = 256;
/** An answer may have as many (SCM_MAX_FD). */
const LEAST_FDS_IN_FLIGHT = 253;
const DEFAULT_SESSIONS = 1024;
const DEFAULT_BUFFERS = 16_384;

export interface FdBudget {
  readonly maxSessions: number;
  readonly maxBuffers: number;
}

/** `wanted` are the administrator's limits; unset, a default. */
export function planFds(
  fdLimit: number,
  fdsPerBuffer: number,
  wanted: { readonly maxSessions?: number; readonly maxBuffers?: number },
): FdBudget {
  const available = Math.max(fdLimit - FDS_OF_THE_PROCESS, 0);
  const affordableSessions = Math.floor(available / 2 / FDS_PER_SESSION);
  const maxSessions = atLeastOne(
    Math.min(wanted.maxSessions ?? DEFAULT_SESSIONS, affordableSessions),
  );
  const left = available - maxSessions * FDS_PER_SESSION;
  const affordableBuffers = Math.floor(left / fdsPerBuffer);
  const maxBuffers = atLeastOne(Math.min(wanted.maxBuffers ?? DEFAULT_BUFFERS, affordableBuffers));
  return { maxSessions, maxBuffers };
}

/**
 * How many fds may be on their way to the processes of one account. All together the kernel allows as many as the daemon may
 * have open (unix(7)), and so three accounts that take none of theirs still leave some to the others.
 */
export function planFdsInFlight(fdLimit: number): number {
  return Math.max(Math.floor(fdLimit / 4), LEAST_FDS_IN_FLIGHT);
}

/** A daemon that serves nobody is of no use; the kernel's refusal is then an answer, too. */
function atLeastOne(count: number): number {
  return Math.max(count, 1);
}
