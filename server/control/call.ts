/**
 * What every call goes through: who calls, with which session, until when, and how its outcome becomes a status. The
 * handlers behind it take a request and answer with a promise; whatever they reject with ends their call and
 * nothing else.
 */
import type {
  handleUnaryCall,
  Metadata,
  ServerDuplexStream,
  ServerErrorResponse,
  ServerUnaryCall,
  ServerWritableStream,
} from '@grpc/grpc-js';
import { SESSION_METADATA_KEY } from '../../proto';
import type { Broker } from '../domain/broker';
import type { Caller } from '../domain/callers';
import { DomainError } from '../domain/errors';
import type { SessionId } from '../domain/ids';
import type { Peer } from '../domain/peer';
import type { Charge } from '../domain/quota';
import type { Log } from '../log';
import { systemClock } from '../runtime/clock';
import { SECRET_BYTES } from '../runtime/secrets';
import type { SessionTokens } from '../session-tokens';
import { statusOf } from '../status';
import type { Turns } from './turns';

/** What all calls need. */
export interface CallContext {
  /** By what `call.getPeer()` answers. */
  readonly peerOf: (connection: string) => Peer;
  readonly tokens: SessionTokens;
  /** Books what the fd plane has done before this call came. */
  readonly bookFdPlane: () => void;
  /** Resolves when what has changed is kept over a restart; null if it is. */
  readonly whenKept: () => Promise<void> | null;
  readonly broker: Pick<Broker, 'admitCall' | 'auditor' | 'callers'>;
  /** Turns of the event loop, by account. */
  readonly turns: Turns;
  readonly log: Log;
}

type AnyCall = Pick<
  | ServerUnaryCall<unknown, unknown>
  | ServerWritableStream<unknown, unknown>
  | ServerDuplexStream<unknown, unknown>,
  'metadata' | 'getPeer' | 'getDeadline' | 'getPath' | 'cancelled'
> & {
  once(event: 'cancelled', listener: () => void): unknown;
  removeListener(event: 'cancelled', listener: () => void): unknown;
};

/** A client at its own deadline no longer listens, so what we waited for is told a little before. */
const MAX_HEAD_START_MS = 500;
const HEAD_START_SHARE = 0.1;

/** One call, while it is handled. */
export class Call {
  readonly caller: Caller;
  private readonly abort = new AbortController();
  private readonly onCancelled = () =>
    this.abort.abort(new DomainError('cancelled', 'the call was cancelled'));
  private cancelTimer = () => {};
  private readonly admission: Charge | null;

  /** To be ended, unless it throws. */
  constructor(
    private readonly call: AnyCall,
    context: CallContext,
    /** False for what gives something back, which nobody is refused for having too much. */
    isCharged = true,
  ) {
    const peer = context.peerOf(call.getPeer());
    this.caller = { peer, sessionId: authenticate(call, peer, context) };
    this.admission = isCharged ? context.broker.admitCall(peer) : null;
  }

  /** The caller's session. UNAUTHENTICATED without one. */
  get sessionId(): SessionId {
    if (this.caller.sessionId !== null) return this.caller.sessionId;
    throw new DomainError(
      'unauthenticated',
      `this call needs a session: send the token of fd.sock's WELCOME as metadata ${SESSION_METADATA_KEY}`,
    );
  }

  /** Its client does not wait for the answer any more. */
  get isCancelled(): boolean {
    return this.call.cancelled;
  }

  /** Aborted when the call is cancelled, or at its deadline; without one, after `defaultTimeoutMs`. */
  signal(defaultTimeoutMs: number): AbortSignal {
    if (this.call.cancelled) this.onCancelled();
    this.call.once('cancelled', this.onCancelled);
    const timeoutMs = this.timeLeftMs() ?? defaultTimeoutMs;
    this.cancelTimer = systemClock.after(timeoutMs, () => {
      this.abort.abort(new DomainError('deadline-exceeded', 'the deadline was reached'));
    });
    return this.abort.signal;
  }

  end(): void {
    this.admission?.refund();
    this.cancelTimer();
    this.call.removeListener('cancelled', this.onCancelled);
  }

  private timeLeftMs(): number | null {
    const leftMs = Number(this.call.getDeadline()) - Date.now();
    if (!Number.isFinite(leftMs)) return null;
    return Math.max(leftMs - Math.min(leftMs * HEAD_START_SHARE, MAX_HEAD_START_MS), 0);
  }
}

/** The session that the call's token stands for. Whoever sends one that does not count here may have stolen it. */
function authenticate(call: AnyCall, peer: Peer, context: CallContext): SessionId | null {
  const details = { path: call.getPath() };
  const asked = { action: 'authenticate', peer, sessionId: null, details } as const;
  return context.broker.auditor.watchDenials(asked, () => {
    const token = readToken(call.metadata);
    return token && context.tokens.resolve(token, peer);
  });
}

function readToken(metadata: Metadata): Uint8Array | null {
  const values = metadata.get(SESSION_METADATA_KEY);
  const [token] = values;
  if (token === undefined) return null;
  if (values.length === 1 && typeof token !== 'string' && token.length === SECRET_BYTES) {
    return token;
  }
  throw new DomainError(
    'unauthenticated',
    `metadata ${SESSION_METADATA_KEY} has ${values.length} value(s), the first of ${token.length} bytes; it must be one of ${SECRET_BYTES} bytes`,
  );
}

/** The answer to a call that failed, and a line in the log. */
export function refusalOf(error: unknown, path: string, log: Log): ServerErrorResponse {
  const { code, message } = statusOf(error, (defect) => {
    log.error({ path, err: defect }, 'a call failed');
  });
  return Object.assign(new Error(message), { code, details: message });
}

/** Makes a unary method of a function that answers. */
export function unary<Request, Response>(
  context: CallContext,
  handle: (request: Request, call: Call) => Response | Promise<Response>,
  { isCharged = true } = {},
): handleUnaryCall<Request, Response> {
  const answer = async (unaryCall: ServerUnaryCall<Request, Response>) => {
    context.bookFdPlane();
    const call = new Call(unaryCall, context, isCharged);
    try {
      const response = await handle(unaryCall.request, call);
      // What an answer says has happened, a restart does not undo.
      await context.whenKept();
      return { call, response };
    } finally {
      call.end();
    }
  };
  return (unaryCall, callback) => {
    const path = unaryCall.getPath();
    answer(unaryCall).then(
      ({ call, response }) => {
        context.log.debug(
          { path, peer: { pid: call.caller.peer.pid }, session: call.caller.sessionId },
          'call',
        );
        callback(null, response);
      },
      (error: unknown) => {
        const refusal = refusalOf(error, path, context.log);
        context.log.debug({ path, code: refusal.code, reason: refusal.details }, 'call refused');
        callback(refusal);
      },
    );
  };
}
