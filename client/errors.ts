/**
 * What goes wrong, as an application sees it: one class with gRPC's code names, whichever socket the answer came
 * over, and a subclass for the one thing that an application handles differently: the daemon is gone.
 */
import { statSync } from 'node:fs';
import type { ServiceError } from '@grpc/grpc-js';

/** gRPC's status codes by number; the statuses of fd.sock are the same numbers. */
const STATUS_NAMES = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const;

/** The name of a gRPC status code. */
export type StatusName = (typeof STATUS_NAMES)[number];

/** An answer of the daemon that is not OK, or a limit of the caller's that was reached. */
export class DmabufdError extends Error {
  override readonly name: string = 'DmabufdError';

  constructor(
    /** What kind of failure: `'NOT_FOUND'`, `'DEADLINE_EXCEEDED'`, `'CANCELLED'` and so on. */
    readonly code: StatusName,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** The daemon cannot be reached, or the session that something belonged to has ended. */
export class ConnectionLostError extends DmabufdError {
  override readonly name: string = 'ConnectionLostError';

  constructor(message: string, options?: ErrorOptions) {
    super('UNAVAILABLE', message, options);
  }
}

/** The daemon's queue of connections is full, so that nothing of a call has reached it: it can be made again. */
export class QueueFullError extends ConnectionLostError {}

/** The error for a status number of either socket. */
export function errorOfStatus(status: number, message: string, cause?: unknown): DmabufdError {
  const options = cause === undefined ? undefined : { cause };
  const code = STATUS_NAMES[status] ?? 'UNKNOWN';
  return code === 'UNAVAILABLE'
    ? new ConnectionLostError(message, options)
    : new DmabufdError(code, message, options);
}

/** The error for what grpc-js reports of a call. */
export function errorOfCall(error: ServiceError): DmabufdError {
  // grpc-js tells of a connect(2) that failed in the middle of its own affairs.
  const [, code, path = ''] = /\bconnect (E[A-Z]+) (\S+?)\.? /.exec(error.details) ?? [];
  const ofConnect = errorOfConnect(code, path, error);
  return ofConnect instanceof DmabufdError
    ? ofConnect
    : errorOfStatus(error.code, error.details, error);
}

/** What an aborted signal makes of a call: the reason itself if it is one of ours, else CANCELLED with it as its cause. */
export function errorOfAbort(signal: AbortSignal, what: string): DmabufdError {
  const reason: unknown = signal.reason;
  if (reason instanceof DmabufdError) return reason;
  return new DmabufdError('CANCELLED', `${what}: cancelled by the caller`, { cause: reason });
}

/** The errno's name of an error from a system call, or undefined. Errors of the addon may be of another realm. */
export function systemErrorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** What a failed connect(2), given by its errno's name, means to a person. Another error is passed on as it is. */
export function errorOfConnect(code: string | undefined, path: string, cause: unknown): unknown {
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR': {
      const advice = 'start it, or say where it is with DMABUFD_RUNTIME_DIR';
      return new ConnectionLostError(`no dmabufd at ${path}: ${advice}`, { cause });
    }
    case 'ECONNREFUSED':
      return new ConnectionLostError(`no dmabufd listens at ${path} any more: start it again`, {
        cause,
      });
    case 'EAGAIN':
      return new QueueFullError(`too many wait to connect to ${path}`, { cause });
    case 'EACCES':
    case 'EPERM': {
      const message = `this user may not connect to ${path}: ${whoMayConnect(path)}`;
      return new DmabufdError('PERMISSION_DENIED', message, { cause });
    }
    default:
      return cause;
  }
}

const GROUP_MAY_CONNECT = 0o020;
const EVERYBODY_MAY_CONNECT = 0o002;

/** unix(7): to connect to a socket is to write to its file. */
function whoMayConnect(path: string): string {
  try {
    const { uid, gid, mode } = statSync(path);
    if (mode & EVERYBODY_MAY_CONNECT)
      return 'its mode lets everybody, so something else keeps it out';
    return gid !== 0 && mode & GROUP_MAY_CONNECT
      ? `it is for group ${gid}; whoever is added to that (getent group ${gid}) has to log in again`
      : `it is for uid ${uid} alone`;
  } catch {
    return 'see who may enter its directory';
  }
}
