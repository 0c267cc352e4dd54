/**
 * How long a call may take: a timeout and the signals that end it early, shared by all the steps of one call, so
 * that a call which first fetches, then maps, then begins an access has one deadline and not three.
 */
import { setMaxListeners } from 'node:events';
import { deadlines } from './deadlines';
import { DmabufdError, errorOfAbort } from './errors';

/** What every call takes. */
export interface CallOptions {
  /** Ends the call early: it rejects with code `'CANCELLED'` and the signal's reason as its cause. */
  readonly signal?: AbortSignal | undefined;
  /** How long the call may take in milliseconds, more than 0, `Infinity` for no limit. Default 30000. */
  readonly timeoutMs?: number | undefined;
}

export const DEFAULT_TIMEOUT_MS = 30_000;

/** The limits of one call, which begin to count when they are made. */
export class CallLimits {
  readonly signals: readonly AbortSignal[];
  readonly timeoutMs: number;
  /** When the call is over, as performance.now() has it. */
  readonly endsAtMs: number;

  /** Throws `INVALID_ARGUMENT` for a timeout that is none. */
  constructor({ signal, timeoutMs = DEFAULT_TIMEOUT_MS }: CallOptions = {}) {
    if (!(timeoutMs > 0)) {
      throw new DmabufdError('INVALID_ARGUMENT', `timeoutMs: ${timeoutMs}: must be more than 0`);
    }
    this.signals = signal === undefined ? [] : [signal];
    this.timeoutMs = timeoutMs;
    this.endsAtMs = performance.now() + timeoutMs;
  }

  /** What is left, at least 0; `Infinity` without a limit. */
  get remainingMs(): number {
    return Math.max(0, this.endsAtMs - performance.now());
  }

  /** Throws if the call is over before its next step, `what`, begins. */
  check(what: string): void {
    for (const signal of this.signals) if (signal.aborted) throw errorOfAbort(signal, what);
    if (this.remainingMs === 0) throw timedOut(what, this);
  }
}

/** Waits no longer than the limits allow, or until one of the further signals ends it. */
export interface Waiting<T> {
  readonly limits: CallLimits;
  /** What is waited for, for the error's message. */
  readonly what: string;
  /** More signals that end this wait. */
  readonly signals?: readonly AbortSignal[];
  /** Who keeps the deadline: a timer here (the default), or what is waited for. */
  readonly keepsDeadline?: boolean;
  /** How much later the timer here is than the deadline: whoever keeps it elsewhere has more to say about it. */
  readonly graceMs?: number;
  /** Begins; returns what is to be done if the wait ends before it is settled. */
  readonly start: (resolve: (value: T) => void, reject: (error: unknown) => void) => () => void;
}

/**
 * Rejects with `CANCELLED` or `DEADLINE_EXCEEDED` when a limit is reached first. Never leaves a listener behind, or a timer that keeps
 * the process alive.
 */
export function waitWithin<T>(waiting: Waiting<T>): Promise<T> {
  const { limits, what, signals = [], keepsDeadline = true, graceMs = 0, start } = waiting;
  return new Promise<T>((resolve, reject) => {
    requireTime(limits, what, signals);
    let settled = false;
    let stopWatching = () => {};
    const settle = () => {
      settled = true;
      stopWatching();
    };
    const abandon = start(
      (value) => {
        settle();
        resolve(value);
      },
      (error) => {
        settle();
        reject(error);
      },
    );
    if (settled) return;
    const giveUp = (error: DmabufdError) => {
      if (settled) return;
      settle();
      reject(error);
      abandon();
    };
    const stopListening = listen([...limits.signals, ...signals], (signal) =>
      giveUp(errorOfAbort(signal, what)),
    );
    const atMs = keepsDeadline ? limits.endsAtMs + graceMs : Number.POSITIVE_INFINITY;
    const deadline = { atMs, expire: () => giveUp(timedOut(what, limits)) };
    deadlines.keep(deadline);
    stopWatching = () => {
      stopListening();
      deadlines.forget(deadline);
    };
  });
}

/** Calls back when one of the signals aborts; returns what ends that. */
function listen(
  signals: readonly AbortSignal[],
  onAbort: (signal: AbortSignal) => void,
): () => void {
  const listeners = signals.map((signal) => {
    const listener = () => onAbort(signal);
    signal.addEventListener('abort', listener);
    return () => signal.removeEventListener('abort', listener);
  });
  return () => {
    for (const stop of listeners) stop();
  };
}

/** Throws if it is over before its next step, `what`, begins. */
export function requireTime(
  limits: CallLimits,
  what: string,
  signals: readonly AbortSignal[] = [],
): void {
  limits.check(what);
  const aborted = signals.find((signal) => signal.aborted);
  if (aborted !== undefined) throw errorOfAbort(aborted, what);
}

/** What ends any number of waits at once. Of an ordinary one with more than ten node says that it leaks. */
export function endOfMany(): AbortController {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  return controller;
}

/** Resolves after some time, or rejects when a limit is reached, or one of the signals aborted, before. */
export function pause(
  milliseconds: number,
  limits: CallLimits,
  what: string,
  signals: readonly AbortSignal[] = [],
): Promise<void> {
  return waitWithin<void>({
    limits,
    what,
    signals,
    start: (resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      return () => clearTimeout(timer);
    },
  });
}

/** The error of a call that reached its own deadline. */
export function timedOut(what: string, limits: CallLimits): DmabufdError {
  return new DmabufdError('DEADLINE_EXCEEDED', `${what}: not done within ${limits.timeoutMs} ms`);
}
