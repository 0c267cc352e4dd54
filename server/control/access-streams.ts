/**
 * StreamCpuAccesses of access.proto: the steps of a session's accesses, on a stream that stays open. Each step is what the unary call
 * of its name is, and independent of the others.
 */
import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { BeginCpuAccessRequest__Output } from '../../proto/generated/dmabufd/v1/BeginCpuAccessRequest';
import type { StreamCpuAccessesRequest__Output } from '../../proto/generated/dmabufd/v1/StreamCpuAccessesRequest';
import type { StreamCpuAccessesResponse } from '../../proto/generated/dmabufd/v1/StreamCpuAccessesResponse';
import type { Broker } from '../domain/broker';
import { DomainError } from '../domain/errors';
import { systemClock } from '../runtime/clock';
import { OK, type Status, statusOf } from '../status';
import { Call, type CallContext, refusalOf } from './call';
import { parseId, parseMode } from './parse';

type Request = StreamCpuAccessesRequest__Output;
type Stream = ServerDuplexStream<Request, StreamCpuAccessesResponse>;

/** As access.proto promises to a begin without a timeout. */
export const WAIT_TIMEOUT_MS = 30_000;
/** setTimeout fires at once for more. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
/** Of one stream: as many as a connection may have calls. */
const MAX_BEGINS = 128;
/** Beyond it no more is read until some are answered. What is no begin never waits for other clients. */
const MAX_STEPS = 2 * MAX_BEGINS;

/** All of them, so that a daemon that stops can end them. */
export class AccessStreams {
  private readonly open = new Set<AccessStream>();

  constructor(
    private readonly broker: Broker,
    private readonly context: CallContext,
  ) {}

  serve(stream: Stream): void {
    const { broker, context } = this;
    const refuse = (error: unknown) => {
      // Its 'error' is how grpc-js is given a status; nothing throws.
      stream.emit('error', refusalOf(error, stream.getPath(), context.log));
    };
    try {
      context.bookFdPlane();
      // Not charged: each begin is, and an end must find its way in however many calls there are.
      const call = new Call(stream, context, false);
      const served = new AccessStream(broker, context, call, stream, refuse, () => {
        call.end();
        this.open.delete(served);
      });
      if (!stream.cancelled) this.open.add(served);
      else served.end();
    } catch (error) {
      refuse(error);
    }
  }

  /** They end with UNAVAILABLE. */
  close(): void {
    for (const stream of this.open) {
      stream.fail(new DomainError('unavailable', 'the daemon stops'));
    }
  }
}

class AccessStream {
  /** Begins that are not answered yet, by serial. */
  private readonly begins = new Map<number, AbortController>();
  /** Buffers of accesses that have begun and are being kept, by the serial of the begin that is yet to be answered. */
  private readonly unheard = new Map<number, string>();
  /** Of a begin that came to its end and was not aborted: making one is dear beside the rest of a begin that need not wait. */
  private spare: AbortController | null = null;
  private steps = 0;
  private isOver = false;
  private readonly sessionId;

  constructor(
    private readonly broker: Broker,
    private readonly context: CallContext,
    private readonly call: Call,
    private readonly stream: Stream,
    private readonly refuse: (error: unknown) => void,
    private readonly onOver: () => void,
  ) {
    this.sessionId = call.sessionId;
    stream.on('data', (request: Request) => this.take(request));
    stream.on('drain', () => this.readOn());
    stream.on('end', () => {
      this.end();
      stream.end();
    });
    stream.on('cancelled', () => this.end());
  }

  fail(error: unknown): void {
    if (this.isOver) return;
    this.end();
    this.refuse(error);
  }

  /** What is not answered is given up; what is open is the session's, and stays so. */
  end(): void {
    if (this.isOver) return;
    this.isOver = true;
    for (const begin of this.begins.values()) {
      begin.abort(new DomainError('cancelled', 'the stream of accesses has ended'));
    }
    for (const bufferId of this.unheard.values()) void this.endUnheard(bufferId);
    this.onOver();
  }

  private take(request: Request): void {
    if (this.isOver) return;
    const { serial, step, giveUp = 0 } = request;
    if (serial === 0 || step === undefined) {
      this.fail(new DomainError('invalid-argument', 'a request has no serial, or no step'));
    } else if (step === 'giveUp') {
      this.begins.get(giveUp)?.abort(new DomainError('cancelled', 'it was given up'));
    } else {
      void this.carryOut(request);
    }
  }

  private async carryOut({ serial, begin, end, timeoutMs }: Request): Promise<void> {
    this.steps += 1;
    if (this.steps >= MAX_STEPS) this.stream.pause();
    let status: Status = { code: OK, message: '' };
    try {
      this.context.bookFdPlane();
      if (begin) await this.begin(serial, begin, timeoutMs);
      else if (end) await this.endAccess(end.bufferId);
      // What an answer says has happened, a restart does not undo.
      const kept = this.context.whenKept();
      if (kept !== null) await kept;
    } catch (error) {
      status = this.statusOf(error);
    }
    this.unheard.delete(serial);
    this.steps -= 1;
    if (this.isOver) return;
    // Who does not read what it is answered is not read from either.
    if (this.stream.write({ serial, ...status })) this.readOn();
    else this.stream.pause();
  }

  private async begin(
    serial: number,
    { bufferId, mode }: BeginCpuAccessRequest__Output,
    timeoutMs: number,
  ): Promise<void> {
    const id = parseId('buffer_id', bufferId);
    const waiting = this.admit(serial);
    const charge = this.broker.admitCall(this.call.caller.peer);
    const waitMs = Math.min(timeoutMs || WAIT_TIMEOUT_MS, LONGEST_TIMER_MS);
    const cancelTimer = systemClock.after(waitMs, () => {
      waiting.abort(new DomainError('deadline-exceeded', 'the deadline was reached'));
    });
    this.begins.set(serial, waiting);
    try {
      const { buffers } = this.broker;
      await buffers.beginCpuAccess(this.sessionId, id, parseMode(mode), waiting.signal);
    } finally {
      this.begins.delete(serial);
      if (!waiting.signal.aborted) this.spare = waiting;
      cancelTimer();
      charge.refund();
    }
    if (this.isOver) await this.endUnheard(bufferId);
    else this.unheard.set(serial, bufferId);
  }

  /** Nobody has heard of it, and so nobody would end it. At once: what the session begins afterwards is another one. */
  private async endUnheard(bufferId: string): Promise<void> {
    await this.endAccess(bufferId).catch((error: unknown) => this.statusOf(error));
  }

  /** A defect is in the log, too. */
  private statusOf(error: unknown): Status {
    const path = this.stream.getPath();
    return statusOf(error, (err) => this.context.log.error({ path, err }, 'a call failed'));
  }

  private endAccess(bufferId: string): Promise<void> {
    return this.broker.buffers.endCpuAccess(this.sessionId, parseId('buffer_id', bufferId));
  }

  private admit(serial: number): AbortController {
    if (this.begins.has(serial)) {
      throw new DomainError('invalid-argument', `serial ${serial} is that of a begin that waits`);
    }
    if (this.begins.size >= MAX_BEGINS) {
      throw new DomainError(
        'resource-exhausted',
        `${MAX_BEGINS} begins of this stream wait already, which is the most`,
      );
    }
    const { spare } = this;
    this.spare = null;
    return spare ?? new AbortController();
  }

  private readOn(): void {
    if (this.steps < MAX_STEPS && !this.stream.writableNeedDrain) this.stream.resume();
  }
}
