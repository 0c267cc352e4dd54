/**
 * What a service manager tells the process that it starts, in the variables of sd_notify(3), sd_watchdog_enabled(3) and
 * sd_listen_fds(3), parsed once. Each is meant for one process, and not for what that starts.
 */

/** The first inherited fd: SD_LISTEN_FDS_START of sd-daemon.h. */
const FIRST_FD = 3;
/** More than any fd store holds: what is beyond is a mistake, and not to be counted through. */
const MOST_FDS = 1_048_576;

/** An fd that this process was born with, and what it is for. */
export interface InheritedFd {
  readonly number: number;
  /** FileDescriptorName= of a socket unit, FDNAME= of the fd store; `unknown` without. */
  readonly name: string;
}

export interface ServiceEnvironment {
  /** Where notifications go, as sd_notify(3) has it: an absolute path, or `@` and an abstract name. */
  readonly notifySocket: string | null;
  /** The service is taken for hung after so long without a sign of life. */
  readonly watchdogMs: number | null;
  readonly inherited: readonly InheritedFd[];
  /** How many fds the service manager keeps for a later process of the service; 0 if it keeps none. */
  readonly fdStoreCapacity: number;
}

/** A variable that no service manager sets so. The message names it, its value and what it may be. */
export class ServiceEnvironmentError extends Error {
  override readonly name = 'ServiceEnvironmentError';
}

/** Takes the variables out of the environment. */
export function takeServiceEnvironment(
  environment: NodeJS.ProcessEnv,
  pid: number,
): ServiceEnvironment {
  const take = (name: string) => {
    const value = environment[name];
    delete environment[name];
    return value;
  };
  const [socket, watchdog, watchdogPid] = ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID'].map(
    take,
  );
  const store = take('FDSTORE');
  const [count, listenPid, names] = ['LISTEN_FDS', 'LISTEN_PID', 'LISTEN_FDNAMES'].map(take);
  return {
    notifySocket: parseNotifySocket(socket),
    watchdogMs: isFor(watchdogPid, pid) ? parseWatchdog(watchdog) : null,
    inherited: listenPid === String(pid) ? parseInherited(count, names) : [],
    fdStoreCapacity: store === undefined ? 0 : parseCount('FDSTORE', store, MOST_FDS),
  };
}

/** Without it the variable is for whoever reads it. */
function isFor(value: string | undefined, pid: number): boolean {
  return value === undefined || value === String(pid);
}

function parseNotifySocket(value: string | undefined): string | null {
  if (value === undefined || value === '') return null;
  if (/^[/@]./.test(value)) return value;
  throw new ServiceEnvironmentError(
    `NOTIFY_SOCKET is ${value}: it must be an absolute path, or @ and the name of an abstract socket`,
  );
}

function parseWatchdog(value: string | undefined): number | null {
  if (value === undefined) return null;
  const microseconds = parseCount('WATCHDOG_USEC', value, Number.MAX_SAFE_INTEGER);
  return microseconds === 0 ? null : microseconds / 1000;
}

function parseInherited(count: string | undefined, names: string | undefined): InheritedFd[] {
  const length = count === undefined ? 0 : parseCount('LISTEN_FDS', count, MOST_FDS);
  const named = names === undefined ? [] : names.split(':');
  return Array.from({ length }, (_, index) => ({
    number: FIRST_FD + index,
    name: named[index] ?? 'unknown',
  }));
}

function parseCount(name: string, value: string, most: number): number {
  const count = Number(value);
  if (/^\d+$/.test(value) && count <= most) return count;
  throw new ServiceEnvironmentError(`${name} is ${value}: it must be a number from 0 to ${most}`);
}
