/**
 * Keeps one session at a time. When it is lost this says so, and connects again with a capped backoff until it has
 * another or is closed. What belonged to the lost session stays lost: that is for its owners to learn.
 */
import { CallLimits, endOfMany, waitWithin } from './call-limits';
import { ConnectionLostError, type DmabufdError } from './errors';

const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 2000;
/** How long one attempt may wait for a daemon that accepts but does not welcome. */
const ATTEMPT_TIMEOUT_MS = 10_000;

/** What is needed of a session to keep it. */
export interface Endable {
  /** Calls back once when it ends by whatever cause. */
  onEnded(callback: (error: DmabufdError) => void): void;
  close(): void;
}

/** Who is told. */
export interface ConnectionListeners<Session extends Endable> {
  readonly onDisconnected: (error: DmabufdError) => void;
  readonly onReconnected: (session: Session) => void;
}

/** How it connects. */
export interface ConnectionOptions<Session extends Endable> {
  readonly openSession: (limits: CallLimits) => Promise<Session>;
  readonly reconnect: boolean;
  readonly listeners: ConnectionListeners<Session>;
}

/** A connection that outlives its sessions. */
export class Connection<Session extends Endable> {
  readonly #options: ConnectionOptions<Session>;
  #session: Session;
  #lostBy: DmabufdError | null = null;
  #closed = false;
  #retry: NodeJS.Timeout | undefined;
  #waiting: ((session: Session) => void)[] = [];
  readonly #closing = endOfMany();

  private constructor(options: ConnectionOptions<Session>, session: Session) {
    this.#options = options;
    this.#session = session;
    session.onEnded((error) => this.#lost(error));
  }

  /** Connects for the first time; rejects if that fails. */
  static async open<Session extends Endable>(
    options: ConnectionOptions<Session>,
    limits: CallLimits,
  ): Promise<Connection<Session>> {
    return new Connection(options, await options.openSession(limits));
  }

  /** The session, or a throw of ConnectionLostError while there is none. */
  get session(): Session {
    if (this.#closed) throw new ConnectionLostError('the broker has been closed');
    if (this.#lostBy !== null) {
      throw new ConnectionLostError(`not connected to the daemon: ${this.#lostBy.message}`, {
        cause: this.#lostBy,
      });
    }
    return this.#session;
  }

  get connected(): boolean {
    return !this.#closed && this.#lostBy === null;
  }

  /** Waits until there is a session. */
  whenConnected(limits: CallLimits): Promise<Session> {
    return waitWithin<Session>({
      limits,
      what: 'waiting for the daemon',
      signals: [this.#closing.signal],
      start: (resolve) => {
        if (this.connected) resolve(this.#session);
        else this.#waiting.push(resolve);
        return () => {
          this.#waiting = this.#waiting.filter((waiter) => waiter !== resolve);
        };
      },
    });
  }

  /** Ends the session and does not connect again. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#closing.abort(new ConnectionLostError('the broker has been closed'));
    this.#session.close();
  }

  #lost(error: DmabufdError): void {
    if (this.#closed) return;
    this.#lostBy = error;
    if (this.#options.reconnect) this.#retryAfter(FIRST_PAUSE_MS);
    this.#options.listeners.onDisconnected(error);
  }

  #retryAfter(pauseMs: number): void {
    this.#retry = setTimeout(() => {
      const limits = new CallLimits({
        timeoutMs: ATTEMPT_TIMEOUT_MS,
        signal: this.#closing.signal,
      });
      this.#options.openSession(limits).then(
        (session) => this.#found(session),
        () => {
          if (!this.#closed) this.#retryAfter(Math.min(2 * pauseMs, LONGEST_PAUSE_MS));
        },
      );
    }, pauseMs);
  }

  #found(session: Session): void {
    if (this.#closed) {
      session.close();
      return;
    }
    this.#session = session;
    this.#lostBy = null;
    session.onEnded((error) => this.#lost(error));
    for (const resolve of this.#waiting.splice(0)) resolve(session);
    this.#options.listeners.onReconnected(session);
  }
}
