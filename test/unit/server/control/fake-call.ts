/** A call of grpc-js as a service sees it, and what it is answered. */
import { EventEmitter } from 'node:events';
import { type handleUnaryCall, Metadata, type ServerUnaryCall } from '@grpc/grpc-js';
import { SESSION_METADATA_KEY } from '../../../../proto';
import type { CallContext } from '../../../../server/control/call';
import { Turns } from '../../../../server/control/turns';
import type { Broker } from '../../../../server/domain/broker';
import { openLog } from '../../../../server/log';
import { randomSecrets } from '../../../../server/runtime/secrets';
import { SessionTokens } from '../../../../server/session-tokens';
import { keepsNothing } from '../../../../server/state/state-keeper';
import { Bench, peer, sessionId } from '../domain/fakes';

export class FakeCall<Request, Response>
  extends EventEmitter
  implements ServerUnaryCall<Request, Response>
{
  cancelled = false;
  readonly metadata = new Metadata();
  deadline: number | Date = Number.POSITIVE_INFINITY;

  constructor(readonly request: Request) {
    super();
  }

  getPeer = () => 'connection-1';
  sendMetadata = () => {};
  getDeadline = () => this.deadline;
  getPath = () => '/dmabufd.v1.Test/Test';
  getHost = () => '';
  getAuthContext = () => ({});
  getMetricsRecorder(): never {
    throw new Error('not used');
  }
}

const tokens = new SessionTokens(randomSecrets, keepsNothing);
/** Of session 1, whose process has pid 10. */
export const token = Buffer.from(tokens.issue(sessionId(1), peer(10)));

export function context(drained: string[] = [], broker: Broker = new Bench().broker): CallContext {
  return {
    peerOf: () => peer(10),
    tokens,
    bookFdPlane: () => drained.push('drained'),
    whenKept: () => null,
    broker,
    turns: new Turns(),
    log: openLog('silent').log,
  };
}

/** The same with the token of session 1. */
export function callOfSession<Request, Response>(request: Request): FakeCall<Request, Response> {
  const call = new FakeCall<Request, Response>(request);
  call.metadata.add(SESSION_METADATA_KEY, token);
  return call;
}

/** What it is answered; a refusal as `CODE DETAILS`. */
export function answerTo<Request, Response>(
  handle: handleUnaryCall<Request, Response>,
  call: FakeCall<Request, Response>,
): Promise<Response | string | null | undefined> {
  return new Promise((resolve) => {
    handle(call, (error, value) => {
      resolve(error ? `${error.code} ${error.details}` : value);
    });
  });
}
