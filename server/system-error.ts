/**
 * What a failed system call on a buffer means to a client: memory or fds that have run out, something that this kind
 * of buffer cannot do, or a kernel that refuses. Anything that is no system call's error passes unchanged.
 */
import type { SystemError } from '../native';
import { DomainError, type DomainErrorCode } from './domain/errors';

const CODES: Readonly<Record<string, DomainErrorCode>> = {
  ENOMEM: 'resource-exhausted',
  ENOSPC: 'resource-exhausted',
  EMFILE: 'resource-exhausted',
  ENFILE: 'resource-exhausted',
  ENOTTY: 'unimplemented',
  EOPNOTSUPP: 'unimplemented',
};

/** By its fields: an error from the addon may be of another realm than this one's Error. */
export function isSystemError(error: unknown): error is SystemError {
  return (
    typeof error === 'object' &&
    error !== null &&
    'code' in error &&
    typeof error.code === 'string' &&
    'syscall' in error &&
    typeof error.syscall === 'string'
  );
}

/** The answer to a client for whom `what` failed. */
export function asAnswer(error: unknown, what: string): unknown {
  if (!isSystemError(error)) return error;
  const code = CODES[error.code] ?? 'failed-precondition';
  return new DomainError(code, `${what}: ${error.syscall} failed with ${error.code}`, {
    cause: error,
  });
}

/** For people who read the list of heaps or the log. */
export function describeError(error: unknown): string {
  if (isSystemError(error)) return `${error.syscall} failed with ${error.code}`;
  return error instanceof Error ? error.message : String(error);
}
