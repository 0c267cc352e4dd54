/**
 * The one table that maps an error to a status, for both planes: the fd protocol's numbers are gRPC's. What is not a
 * DomainError is a defect: the client gets a fixed text, and its detail goes to the log only.
 */
import { DomainError, type DomainErrorCode } from './domain/errors';

export const OK = 0;
export const RESOURCE_EXHAUSTED = 8;
const INTERNAL = 13;
export const UNAVAILABLE = 14;
export const UNAUTHENTICATED = 16;

const NUMBERS: Readonly<Record<DomainErrorCode, number>> = {
  cancelled: 1,
  'invalid-argument': 3,
  'deadline-exceeded': 4,
  'not-found': 5,
  'already-exists': 6,
  'permission-denied': 7,
  'resource-exhausted': RESOURCE_EXHAUSTED,
  'failed-precondition': 9,
  unimplemented: 12,
  unavailable: UNAVAILABLE,
  unauthenticated: UNAUTHENTICATED,
};

const MAX_MESSAGE_LENGTH = 2_560;

export interface Status {
  readonly code: number;
  readonly message: string;
}

/** `onDefect` is told of what is no answer. */
export function statusOf(error: unknown, onDefect: (error: unknown) => void): Status {
  if (error instanceof DomainError) {
    return { code: NUMBERS[error.code], message: wellFormed(error.message) };
  }
  onDefect(error);
  return { code: INTERNAL, message: 'the daemon failed to do this; its log tells why' };
}

/**
 * A message may quote what a client sent, and half of a surrogate pair in it would make gRPC's encoding of the
 * status throw. It travels in trailers, which clients do not take at any length, and grows when it is encoded.
 */
function wellFormed(text: string): string {
  const isLong = text.length > MAX_MESSAGE_LENGTH;
  const short = isLong ? `${text.slice(0, MAX_MESSAGE_LENGTH)}…` : text;
  return short.replace(/\p{Cs}/gu, '\ufffd');
}
