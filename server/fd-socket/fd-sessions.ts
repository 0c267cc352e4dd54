/**
 * The daemon's side of fd.sock beyond what the plane's own thread answers: connections become sessions and end with
 * them, releases are booked, dma-bufs are adopted, fences cross. Every event is handled by itself: what goes wrong in one
 * is an answer to its client and touches no other.
 */
import type { Fd, FdPlane, FdPlaneArrival, FdPlaneBooking, PeerCredentials } from '../../native';
import { Opcode } from '../../proto/fd-numbers';
import type { Broker } from '../domain/broker';
import { DomainError } from '../domain/errors';
import { isSessionId, type SessionId } from '../domain/ids';
import { takeIn } from '../heaps/adopted';
import { type KernelCalls, KernelMemory } from '../heaps/kernel-memory';
import type { Log } from '../log';
import type { Identify } from '../peers/proc';
import type { SessionTokens } from '../session-tokens';
import type { StateKeeper } from '../state/state-keeper';
import { OK, statusOf } from '../status';
import { EMPTY, encodeBuffer, encodeFlags, encodeReason } from './answers';
import { checkFdCount, parseAdopt, parseFence } from './requests';

type Request = Extract<FdPlaneArrival, { type: 'request' }>;

/** Arrivals in one turn of the event loop, so that a storm of clients leaves turns to everybody else. */
const ARRIVALS_A_TURN = 16;

/** What it asks of the plane. */
export type ServingPlane = Pick<
  FdPlane,
  'admit' | 'dismiss' | 'answer' | 'takeBookings' | 'takeArrivals' | 'duplicateSocket'
>;

interface Answer {
  readonly payload: Uint8Array;
  readonly fds: readonly Fd[];
}

export class FdSessions {
  private isOver = false;

  constructor(
    private readonly addon: KernelCalls,
    private readonly plane: ServingPlane,
    private readonly broker: Broker,
    private readonly tokens: SessionTokens,
    private readonly identify: Identify,
    private readonly keeper: Pick<StateKeeper, 'keepConnection' | 'whenKept'>,
    private readonly log: Log,
  ) {}

  /** Takes what has come in a later turn. The plane does not call again before. */
  readonly wake = (): void => {
    setImmediate(() => this.serve());
  };

  /**
   * Books all that the plane has done so far. Called before each gRPC call too, so that a release which the
   * plane's thread has answered is in the ledger before a later call.
   */
  book(): void {
    for (const booking of this.plane.takeBookings()) this.handle(booking);
  }

  /** Books what the plane had done when it was closed. */
  bookLast(bookings: readonly FdPlaneBooking[]): void {
    this.isOver = true;
    for (const booking of bookings) this.handle(booking);
  }

  /** Books, and serves those who wait longest. The plane wakes us again if there are more. */
  serve(): void {
    this.book();
    for (const arrival of this.plane.takeArrivals(ARRIVALS_A_TURN)) this.handle(arrival);
  }

  private handle(event: FdPlaneBooking | FdPlaneArrival): void {
    const { session, type } = event;
    try {
      if (!isSessionId(session)) throw new Error(`the fd plane named a session ${session}`);
      this.dispatch(session, event);
    } catch (error) {
      this.log.error({ session, type, err: error }, 'an event of the fd plane failed');
    }
  }

  private dispatch(session: SessionId, event: FdPlaneBooking | FdPlaneArrival): void {
    switch (event.type) {
      case 'connected':
        this.open(session, event.peer);
        return;
      case 'disconnected':
        this.close(session, event.reason);
        return;
      case 'released':
        for (const id of event.bufferIds) this.release(session, id);
        return;
      case 'request':
        this.respond(session, event);
        return;
    }
  }

  private open(session: SessionId, credentials: PeerCredentials): void {
    try {
      const peer = this.identify(credentials);
      this.broker.openSession(session, peer);
      this.keep(session);
      this.onceKept(
        () => {
          const hasEnded = this.broker.peerOf(session) === undefined;
          if (hasEnded || this.isOver) return;
          // Not before: what a later process of the daemon finds a token of has been welcomed.
          const token = this.tokens.issue(session, peer);
          this.plane.admit(session, token, this.broker.callers.accountOf(peer));
          this.log.info({ session, peer }, 'session opened');
        },
        (error) => this.refuse(session, error),
      );
    } catch (error) {
      this.refuse(session, error);
    }
  }

  private refuse(session: SessionId, error: unknown): void {
    const { code, message } = statusOf(error, (defect) =>
      this.log.error({ session, err: defect }, 'a session could not be opened'),
    );
    this.plane.dismiss(session, code, message);
  }

  private keep(session: SessionId): void {
    const socket = this.plane.duplicateSocket(session);
    if (socket === null) return;
    this.keeper.keepConnection(session, socket);
    socket.close();
  }

  /** What a client is told has happened, a restart does not undo: it is told when it is kept, or at once if it is so already. */
  private onceKept(tell: () => void, onFailed: (error: unknown) => void): void {
    const kept = this.keeper.whenKept();
    if (kept === null) tell();
    else kept.then(tell).catch(onFailed);
  }

  private close(session: SessionId, reason: string): void {
    const peer = this.broker.peerOf(session);
    this.tokens.forget(session);
    this.broker.closeSession(session, reason);
    if (peer === undefined) return;
    this.log.info({ session, peer: { pid: peer.pid, uid: peer.uid }, reason }, 'session closed');
  }

  private release(session: SessionId, bufferId: number): void {
    try {
      this.broker.buffers.release(session, bufferId);
    } catch (error) {
      // The lease was revoked, or given back on control.sock, while the plane answered.
      if (!(error instanceof DomainError)) throw error;
    }
  }

  private respond(session: SessionId, request: Request): void {
    const { serial, opcode } = request;
    try {
      this.answerOnceKept(session, request, this.perform(session, request));
    } catch (error) {
      const { code, message } = statusOf(error, (defect) =>
        this.log.error({ session, opcode, err: defect }, 'an fd request failed'),
      );
      this.plane.answer(session, request, code, encodeReason(message));
      this.log.debug({ session, opcode, serial, code, reason: message }, 'fd request refused');
    } finally {
      // Off the event loop: it may be the last fd of a huge memory.
      for (const fd of request.fds) void this.addon.closeFd(fd);
    }
  }

  private answerOnceKept(session: SessionId, request: Request, { payload, fds }: Answer): void {
    const { serial, opcode } = request;
    this.onceKept(
      () => {
        this.plane.answer(session, request, OK, payload, fds);
        for (const fd of fds) fd.close();
        this.log.debug({ session, opcode, serial }, 'fd request answered');
      },
      (err) => this.log.error({ session, opcode, err }, 'an fd request could not be answered'),
    );
  }

  private perform(session: SessionId, { opcode, payload, fds }: Request): Answer {
    switch (opcode) {
      case Opcode.ADOPT:
        return this.adopt(session, payload, fds);
      case Opcode.EXPORT_FENCE:
        return this.exportFence(session, payload, fds);
      case Opcode.IMPORT_FENCE:
        return this.importFence(session, payload, fds);
      default:
        throw new DomainError(
          'invalid-argument',
          `opcode is ${opcode}, which is none of this protocol`,
        );
    }
  }

  private adopt(session: SessionId, payload: Uint8Array, fds: readonly Fd[]): Answer {
    checkFdCount(fds.length, 1, 'ADOPT');
    const label = parseAdopt(payload);
    const [fd] = fds;
    if (fd === undefined) throw new Error('an fd is missing');
    // Duplicated: the ledger's reference then lives on its own, whatever becomes of the request.
    const { memory, exporter } = takeIn(this.addon, fd.duplicate());
    const { id, access, sizeBytes } = this.broker.intake.adopt(session, memory, {
      label,
      exporter,
    });
    const flags = encodeFlags(access ?? 'read', memory.kind);
    return { payload: encodeBuffer(id, sizeBytes, flags), fds: [] };
  }

  private exportFence(session: SessionId, payload: Uint8Array, fds: readonly Fd[]): Answer {
    checkFdCount(fds.length, 0, 'EXPORT_FENCE');
    const { bufferId, mode } = parseFence(payload, 'EXPORT_FENCE');
    const memory = this.fenced(session, bufferId, 'read');
    return { payload: EMPTY, fds: [memory.exportFence(mode)] };
  }

  private importFence(session: SessionId, payload: Uint8Array, fds: readonly Fd[]): Answer {
    checkFdCount(fds.length, 1, 'IMPORT_FENCE');
    const { bufferId, mode } = parseFence(payload, 'IMPORT_FENCE');
    const [fd] = fds;
    if (fd === undefined) throw new Error('an fd is missing');
    const memory = this.fenced(session, bufferId, mode === 'read' ? 'read' : 'read-write');
    const { kind } = this.addon.describeFd(fd);
    if (kind !== 'sync-file') {
      throw new DomainError(
        'invalid-argument',
        `the fd must be a sync_file; it is a file of kind ${kind}`,
      );
    }
    memory.importFence(mode, fd);
    return { payload: EMPTY, fds: [] };
  }

  private fenced(
    session: SessionId,
    bufferId: number,
    wanted: 'read' | 'read-write',
  ): KernelMemory {
    const memory = this.broker.buffers.memoryFor(session, bufferId, wanted);
    if (memory.kind !== 'dma-buf' || !(memory instanceof KernelMemory)) {
      throw new DomainError('unimplemented', `buffer ${bufferId} is a memfd, which has no fences`);
    }
    return memory;
  }
}
