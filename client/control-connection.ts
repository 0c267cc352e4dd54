/**
 * One gRPC channel to control.sock, and the two ways to call the daemon over it: unary, and a stream from the daemon.
 * Every call carries the session's token, if there is one, a deadline, and the caller's signals; every failure comes
 * out as a DmabufdError.
 */
import {
  type ChannelOptions,
  Client,
  type ClientReadableStream,
  credentials,
  Metadata,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import type { MethodDefinition } from '@grpc/proto-loader';
import { loadServices, SESSION_METADATA_KEY } from '../proto';
import type { BeginCpuAccessRequest } from '../proto/generated/dmabufd/v1/BeginCpuAccessRequest';
import type { EndCpuAccessRequest } from '../proto/generated/dmabufd/v1/EndCpuAccessRequest';
import { type AccessStep, AccessStream } from './access-stream';
import { type CallLimits, endOfMany, pause, timedOut, waitWithin } from './call-limits';
import { onceQueued } from './connect-queue';
import { LONGEST_TIMER_MS } from './deadlines';
import { ConnectionLostError, DmabufdError, errorOfCall } from './errors';
import { Turns } from './turns';

/** One rpc: what goes in, and what comes out. The other two types are the daemon's side of it. */
type Method<Request, Response> = Pick<
  MethodDefinition<Request, object, object, Response>,
  'path' | 'requestSerialize' | 'responseDeserialize'
>;

/** Eleven days: with grpc-js's jitter still below the longest timer, 2^31 ms. */
const NEVER_MS = 1e9;

/**
 * The daemon takes 128 calls of a connection at once. Those that wait leave some to the others, above all to those that end what is
 * waited for.
 */
const MOST_WAITS = 96;

const CHANNEL_OPTIONS: ChannelOptions = {
  // A subchannel that is shared with an earlier session's channel would share its backoff after a restart.
  'grpc.use_local_subchannel_pool': 1,
  'grpc.enable_channelz': 0,
  'grpc.enable_http_proxy': 0,
  // Never connect again by itself: grpc-js (1.14.7) does so even for a channel that was closed after a failed attempt,
  // and that connection then stays. A channel that could not connect is replaced instead.
  'grpc.initial_reconnect_backoff_ms': NEVER_MS,
  'grpc.max_reconnect_backoff_ms': NEVER_MS,
};

/** What the daemon says at a deadline that it keeps itself is on its way for so long at the most. */
const TIME_TO_ANSWER_MS = 500;

/** A daemon that is started again is there after some hundred milliseconds. */
const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 500;

let methods: ReturnType<typeof loadMethods> | null = null;

function loadMethods() {
  const services = loadServices();
  return {
    heaps: services.HeapService.service,
    buffers: services.BufferService.service,
    shares: services.ShareService.service,
    accesses: services.AccessService.service,
    events: services.EventService.service,
    daemon: services.DaemonService.service,
    policy: services.PolicyService.service,
  };
}

/** A connection to control.sock. */
export class ControlConnection {
  /** The rpcs of dmabufd.v1 by service, to be given to {@link call} and {@link stream}. */
  readonly methods: ReturnType<typeof loadMethods>;
  readonly #address: string;
  readonly #metadata = new Metadata();
  readonly #hasSession: boolean;
  readonly #closing = endOfMany();
  readonly #waits = new Turns(MOST_WAITS);
  readonly #accesses: AccessStream;
  #client: Client;

  /** Connects with the first call. `token` is what WELCOME carried; null for calls that need no session. */
  constructor(path: string, token: Uint8Array | null) {
    methods ??= loadMethods();
    this.methods = methods;
    this.#address = `unix:${path}`;
    this.#client = this.#newClient();
    this.#hasSession = token !== null;
    if (token !== null) this.#metadata.set(SESSION_METADATA_KEY, Buffer.from(token));
    this.#accesses = this.#accessStream();
  }

  /**
   * Makes a unary call of which it does no harm if it is made twice: with a session, it is made again while the daemon is
   * restarted. Rejects with the daemon's status, `CANCELLED` or `DEADLINE_EXCEEDED`.
   */
  call<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    limits: CallLimits,
  ): Promise<Response> {
    const attempt = () => this.callOnce(method, request, limits);
    return this.untilAnswered(limits, nameOf(method), attempt);
  }

  /**
   * Makes attempts for as long as the daemon cannot be reached and the session lives: a restart that ends the session ends
   * this, too. `isRepeated`: an earlier attempt may have been carried out without an answer.
   */
  async untilAnswered<T>(
    limits: CallLimits,
    what: string,
    attempt: (isRepeated: boolean) => Promise<T>,
  ): Promise<T> {
    let pauseMs = FIRST_PAUSE_MS;
    for (let isRepeated = false; ; isRepeated = true) {
      try {
        return await attempt(isRepeated);
      } catch (error) {
        const mayComeBack = this.#hasSession && error instanceof ConnectionLostError;
        if (!mayComeBack || this.closed.aborted) throw error;
        await this.#pause(pauseMs, limits, `${what} (${error.message})`);
      }
      pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
    }
  }

  /** Makes a unary call once. */
  callOnce<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    limits: CallLimits,
  ): Promise<Response> {
    const what = nameOf(method);
    return onceQueued(limits, what, () => this.#call(method, request, limits, what));
  }

  /** A call that the daemon may answer late, since it waits for others. */
  callThatWaits<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    limits: CallLimits,
  ): Promise<Response> {
    return this.#inTurn(limits, nameOf(method), () => this.callOnce(method, request, limits));
  }

  /** Begins an access, which may wait for others. `beforeRepeated` is done before it is begun again after a restart. */
  beginAccess(
    begin: BeginCpuAccessRequest,
    limits: CallLimits,
    beforeRepeated: () => Promise<void>,
  ): Promise<void> {
    const what = 'BeginCpuAccess';
    return this.#inTurn(limits, what, async (isRepeated) => {
      if (isRepeated) await beforeRepeated();
      // Not none, which is 30 s.
      const timeoutMs = Math.min(Math.ceil(limits.remainingMs) || 1, LONGEST_TIMER_MS);
      await this.#step({ begin, timeoutMs }, what, limits);
    });
  }

  /** Ends an access, once. */
  endAccess(end: EndCpuAccessRequest, limits: CallLimits): Promise<void> {
    return this.#step({ end }, 'EndCpuAccess', limits);
  }

  /** Opens a stream and waits for its header, which says that it has begun. It has no deadline after that. */
  stream<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    limits: CallLimits,
  ): Promise<ClientReadableStream<Response>> {
    const what = nameOf(method);
    return this.untilAnswered(limits, what, () =>
      onceQueued(limits, what, () => this.#stream(method, request, limits, what)),
    );
  }

  /** Aborted when this is closed, with the reason. */
  get closed(): AbortSignal {
    return this.#closing.signal;
  }

  /**
   * Ends the calls and streams that are under way, which reject with the reason: a daemon that answers no more must not
   * keep this process alive.
   */
  close(reason: DmabufdError = new ConnectionLostError('closed by this process')): void {
    this.#closing.abort(reason);
    this.#accesses.close(reason);
    this.#client.close();
  }

  async #inTurn<T>(
    limits: CallLimits,
    what: string,
    attempt: (isRepeated: boolean) => Promise<T>,
  ): Promise<T> {
    const leave = await this.#waits.enter(limits, what, [this.closed]);
    try {
      return await this.untilAnswered(limits, what, attempt);
    } finally {
      leave();
    }
  }

  #step(step: AccessStep, what: string, limits: CallLimits): Promise<void> {
    return onceQueued(limits, what, () =>
      waitWithin<void>({
        limits,
        what,
        graceMs: TIME_TO_ANSWER_MS,
        // The stream itself rejects when this is closed, so that no step has to listen for it.
        start: (resolve, reject) => this.#accesses.take(step, resolve, reject),
      }),
    );
  }

  #accessStream(): AccessStream {
    const { path, requestSerialize, responseDeserialize } = this.methods.accesses.StreamCpuAccesses;
    return new AccessStream(() => {
      const client = this.#client;
      return {
        stream: client.makeBidiStreamRequest(
          path,
          requestSerialize,
          responseDeserialize,
          this.#metadata,
        ),
        errorOf: (error) => {
          this.#replaceIfUnavailable(client, error);
          return isCutOff(error)
            ? new ConnectionLostError('the daemon cut the stream of accesses off', { cause: error })
            : errorOfStream(error);
        },
      };
    });
  }

  #call<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    limits: CallLimits,
    what: string,
  ): Promise<Response> {
    return waitWithin<Response>({
      limits,
      what,
      signals: [this.closed],
      // grpc-js keeps it, and tells the daemon, which can say more about a wait than that it was long.
      keepsDeadline: false,
      start: (resolve, reject) => {
        const client = this.#client;
        const call = client.makeUnaryRequest(
          method.path,
          method.requestSerialize,
          method.responseDeserialize,
          request,
          this.#metadata,
          { deadline: Date.now() + withTimeToAnswer(limits.remainingMs) },
          (error, response) => {
            if (error !== null) {
              this.#replaceIfUnavailable(client, error);
              reject(errorOfUnary(error, what, limits));
            } else if (response === undefined) {
              reject(new DmabufdError('INTERNAL', `${what}: empty`));
            } else {
              resolve(response);
            }
          },
        );
        return () => call.cancel();
      },
    });
  }

  #stream<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    limits: CallLimits,
    what: string,
  ): Promise<ClientReadableStream<Response>> {
    return waitWithin<ClientReadableStream<Response>>({
      limits,
      what,
      signals: [this.closed],
      start: (resolve, reject) => {
        const client = this.#client;
        const stream = client.makeServerStreamRequest(
          method.path,
          method.requestSerialize,
          method.responseDeserialize,
          request,
          this.#metadata,
        );
        stream.once('metadata', () => resolve(stream));
        stream.on('error', (error) => {
          this.#replaceIfUnavailable(client, error);
          reject(errorOfStream(error));
        });
        return () => stream.cancel();
      },
    });
  }

  #pause(milliseconds: number, limits: CallLimits, what: string): Promise<void> {
    return pause(milliseconds, limits, what, [this.closed]);
  }

  #newClient(): Client {
    return new Client(this.#address, credentials.createInsecure(), CHANNEL_OPTIONS);
  }

  #replaceIfUnavailable(failed: Client, error: Error): void {
    if (this.closed.aborted || failed !== this.#client) return;
    if (!isServiceError(error) || error.code !== status.UNAVAILABLE) return;
    failed.close();
    this.#client = this.#newClient();
  }
}

/**
 * The daemon answers a tenth of the time before a call's deadline, 500 ms at most, so that what it waited for is heard. So that
 * the caller's whole time goes into the wait, the call's deadline is later by so much.
 */
function withTimeToAnswer(milliseconds: number): number {
  return Math.min(milliseconds / 0.9, milliseconds + TIME_TO_ANSWER_MS);
}

/** The error of a stream that ended with another status than OK. */
export function errorOfStream(error: Error): DmabufdError {
  return isServiceError(error)
    ? errorOfCall(error)
    : new DmabufdError('UNKNOWN', error.message, { cause: error });
}

/** By a daemon that stops: whoever gave up here has been told so already. */
function isCutOff(error: Error): boolean {
  return (
    isServiceError(error) && error.code === status.CANCELLED && error.details === 'Call cancelled'
  );
}

function errorOfUnary(error: ServiceError, what: string, limits: CallLimits): DmabufdError {
  if (isCutOff(error)) {
    return new ConnectionLostError(`${what}: the daemon cut the call off`, { cause: error });
  }
  // grpc-js's own message at the deadline lists its internals.
  return error.details.startsWith('Deadline exceeded after')
    ? timedOut(what, limits)
    : errorOfCall(error);
}

/** `AllocateBuffer` of `/dmabufd.v1.BufferService/AllocateBuffer`. */
function nameOf({ path }: { readonly path: string }): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function isServiceError(error: Error): error is ServiceError {
  return 'code' in error && typeof error.code === 'number' && 'details' in error;
}
