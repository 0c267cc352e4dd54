/**
 * What dmabufctl's exit code says, and which error says what. Documented in --help and docs/dmabufctl.md.
 */
import { DmabufdError, type StatusName } from '../errors';

export const ExitCode = {
  OK: 0,
  FAILED: 1,
  USAGE: 2,
  UNREACHABLE: 3,
  NOT_FOUND: 4,
  DENIED: 5,
  EXHAUSTED: 6,
  TIMEOUT: 7,
} as const;

/** For --help. */
export const EXIT_CODES_HELP = `Exit codes:
  0  done
  1  failed for another reason
  2  wrong usage, or a value that the daemon refuses
  3  the daemon cannot be reached, or went away
  4  no such buffer or grant
  5  denied
  6  a quota or a limit is reached
  7  not done in time`;

const OF_STATUS: Partial<Record<StatusName, number>> = {
  INVALID_ARGUMENT: ExitCode.USAGE,
  OUT_OF_RANGE: ExitCode.USAGE,
  UNAVAILABLE: ExitCode.UNREACHABLE,
  NOT_FOUND: ExitCode.NOT_FOUND,
  PERMISSION_DENIED: ExitCode.DENIED,
  UNAUTHENTICATED: ExitCode.DENIED,
  RESOURCE_EXHAUSTED: ExitCode.EXHAUSTED,
  DEADLINE_EXCEEDED: ExitCode.TIMEOUT,
};

/** The command line asks for something that makes no sense. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return ExitCode.USAGE;
  if (error instanceof DmabufdError) return OF_STATUS[error.code] ?? ExitCode.FAILED;
  return ExitCode.FAILED;
}
