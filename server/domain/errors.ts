/**
 * How the domain says no. A DomainError is an answer to whoever asked, never a defect: its message is written for a
 * person and names the field, the value and the limit. Anything else that is thrown is a defect.
 */

/** What kind of no it is. The adapters map each to one status number. */
export type DomainErrorCode =
  | 'cancelled'
  | 'invalid-argument'
  | 'deadline-exceeded'
  | 'not-found'
  | 'already-exists'
  | 'permission-denied'
  | 'resource-exhausted'
  | 'failed-precondition'
  | 'unimplemented'
  | 'unavailable'
  | 'unauthenticated';

export class DomainError extends Error {
  override readonly name = 'DomainError';

  constructor(
    readonly code: DomainErrorCode,
    message: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/**
 * Why a signal was aborted, as the answer to whoever waited. Whoever aborts with something else than a DomainError
 * has cancelled.
 */
export function abortReason(signal: AbortSignal): DomainError {
  const reason: unknown = signal.reason;
  return reason instanceof DomainError
    ? reason
    : new DomainError('cancelled', 'the call was cancelled');
}
