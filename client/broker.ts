/**
 * An application's connection to the daemon: allocates, adopts and opens buffers, and tells when the daemon goes
 * and comes back. Owns the session, and every lease that was taken through it.
 */
import { EventEmitter } from 'node:events';
import { resolve } from 'node:path';
import addon, { type Fd } from '../native';
import { SharedBuffer } from './buffer';
import { CallLimits, type CallOptions } from './call-limits';
import { Connection } from './connection';
import {
  type BufferDescription,
  type BufferDetails,
  type DaemonStatus,
  describeBuffer,
  type GrantDescription,
  type HeapDescription,
} from './descriptions';
import { ConnectionLostError, DmabufdError } from './errors';
import type { EventStream } from './event-stream';
import {
  getBuffer,
  getStatus,
  listBuffers,
  listHeaps,
  type Scope,
  watchEvents,
} from './inspection';
import { Lease } from './lease';
import { findRuntimeDirectory } from './runtime-directory';
import { Session } from './session';
import { listGrants, revokeGrant, type Share, type ShareOptions, shareBuffer } from './share';

/** How to connect. */
export interface ConnectOptions extends CallOptions {
  /** Where the daemon's sockets are. Default: see {@link findRuntimeDirectory}. */
  readonly runtimeDirectory?: string | undefined;
  /** Connect again when the daemon goes; default true. */
  readonly reconnect?: boolean | undefined;
}

/** What to allocate. */
export interface Allocation {
  /** At least 1; the kernel rounds up to pages. */
  readonly sizeBytes: number;
  /** Which heap, as {@link Broker.heaps} names it; default: the daemon's default. */
  readonly heap?: string | undefined;
  /** A name for people, at most 31 bytes of UTF-8. */
  readonly label?: string | undefined;
}

/** What opens a buffer that another process shares. */
export type OpenBy = { readonly name: string } | { readonly secret: Uint8Array };

/** What a broker tells of by itself. */
export interface BrokerEvents {
  /** The session is lost, and with it its buffers. Calls reject until `reconnected`. */
  disconnected: [error: DmabufdError];
  /**
   * The daemon has been restarted and has kept the session: buffers, leases, grants and accesses are as they were, and calls
   * that were under way go on. Event streams have ended, and what happened in between was told to nobody.
   */
  restarted: [sessionId: number];
  /** There is a new session, which holds nothing yet. */
  reconnected: [sessionId: number];
  /** A buffer was lost with its session, after `disconnected`, or (rarely) did not outlive a restart of the daemon: one call for each. */
  lost: [buffer: BufferDescription];
  /** Whoever granted a buffer has revoked the lease on it. An access under way has ended; the buffer cannot be used any more. */
  revoked: [buffer: BufferDescription];
}

/**
 * Connects to the daemon. Rejects with ConnectionLostError if there is none, `PERMISSION_DENIED` if its socket is not
 * for this user, `RESOURCE_EXHAUSTED` if it has as many sessions as it takes.
 */
export async function connect(options: ConnectOptions = {}): Promise<Broker> {
  return Broker.open(options);
}

/** A connection to the daemon. Close it, or `await using` it. */
export class Broker extends EventEmitter<BrokerEvents> implements AsyncDisposable {
  readonly runtimeDirectory: string;
  readonly #leases = new Map<number, Lease>();
  #connection: Connection<Session> | null = null;

  private constructor(runtimeDirectory: string) {
    super();
    this.runtimeDirectory = runtimeDirectory;
  }

  /** See {@link connect}. */
  static async open(options: ConnectOptions): Promise<Broker> {
    const broker = new Broker(resolve(options.runtimeDirectory ?? findRuntimeDirectory()));
    broker.#connection = await Connection.open(
      {
        openSession: (limits) => broker.#openSession(limits),
        reconnect: options.reconnect ?? true,
        listeners: {
          onDisconnected: (error) => broker.#disconnected(error),
          onReconnected: (session) => broker.emit('reconnected', session.id),
        },
      },
      new CallLimits(options),
    );
    return broker;
  }

  /** The session's id, as events name it. Throws ConnectionLostError while there is none. */
  get sessionId(): number {
    return this.#session.id;
  }

  get connected(): boolean {
    return this.#connection?.connected ?? false;
  }

  /** Resolves to the session's id when there is one: at once, or when the daemon is back. */
  async whenConnected(options?: CallOptions): Promise<number> {
    return (await this.#required.whenConnected(new CallLimits(options))).id;
  }

  /** What memory this machine can give. */
  async heaps(options?: CallOptions): Promise<HeapDescription[]> {
    return listHeaps(this.#session.control, new CallLimits(options));
  }

  async status(options?: CallOptions): Promise<DaemonStatus> {
    return getStatus(this.#session.control, new CallLimits(options));
  }

  /** Allocates a buffer, which this session then owns. */
  async allocate(allocation: Allocation, options?: CallOptions): Promise<SharedBuffer> {
    const { sizeBytes, heap = '', label = '' } = allocation;
    requireInteger('sizeBytes', sizeBytes, 1);
    const session = this.#session;
    const { AllocateBuffer } = session.control.methods.buffers;
    const request = { sizeBytes, heap, label };
    const limits = new CallLimits(options);
    return session.take(limits, 'AllocateBuffer', async () => {
      const response = await session.control.callOnce(AllocateBuffer, request, limits);
      return this.#take(session, describeBuffer(response.buffer));
    });
  }

  /**
   * Brings a dma-buf from elsewhere (a camera, a GPU), or a memfd that is sealed against shrinking, to the daemon.
   * The fd stays the caller's. `INVALID_ARGUMENT`: it is neither. `FAILED_PRECONDITION`: the daemon knows it already, from
   * another session.
   */
  async adopt(fd: Fd, { label = '' }: { label?: string } = {}, options?: CallOptions) {
    const limits = new CallLimits(options);
    const session = this.#session;
    return session.takings.attempt(limits, 'ADOPT', async () => {
      const { bufferId } = await session.adopt(fd, label, limits);
      const { buffer } = await getBuffer(session.control, bufferId, limits);
      return this.#take(session, buffer);
    });
  }

  /** Opens a buffer that another process shares. `NOT_FOUND`: no such grant, it has ended, or it is for others. */
  async open(by: OpenBy, options?: CallOptions): Promise<SharedBuffer> {
    const session = this.#session;
    const { OpenBuffer } = session.control.methods.shares;
    const request = 'name' in by ? { name: by.name } : { secret: Buffer.from(by.secret) };
    const limits = new CallLimits(options);
    return session.take(limits, 'OpenBuffer', async () => {
      const response = await session.control.callOnce(OpenBuffer, request, limits);
      return this.#take(session, describeBuffer(response.buffer));
    });
  }

  /** The buffers that this session leases, or all of them, for administrators; by ascending id. */
  async list(options: CallOptions & Partial<Scope> = {}): Promise<BufferDescription[]> {
    const { allSessions = false } = options;
    return listBuffers(this.#session.control, { allSessions }, new CallLimits(options));
  }

  /** A buffer, who holds it and who accesses it. */
  async describe(bufferId: number, options?: CallOptions): Promise<BufferDetails> {
    requireInteger('bufferId', bufferId, 1);
    return getBuffer(this.#session.control, bufferId, new CallLimits(options));
  }

  /** Shares a buffer by its id: its owner's to do, or an administrator's. */
  async share(bufferId: number, share?: ShareOptions, options?: CallOptions): Promise<Share> {
    requireInteger('bufferId', bufferId, 1);
    const limits = new CallLimits(options);
    return shareBuffer(this.#session, bufferId, share ?? {}, limits);
  }

  /** The grants that this session made. */
  async grants(options?: CallOptions): Promise<GrantDescription[]> {
    return listGrants(this.#session.control, new CallLimits(options));
  }

  /**
   * What happens from now on to the buffers that this session leases, or everything, for administrators. Resolves
   * when the daemon has begun to tell; the signal ends the stream, too.
   */
  async watch(options: CallOptions & Partial<Scope> = {}): Promise<EventStream> {
    const { allSessions = false } = options;
    return watchEvents(this.#session.control, { allSessions }, new CallLimits(options));
  }

  /** Ends the session and everything that it holds; buffers are unmapped and their views detached. */
  async close(): Promise<void> {
    const reason = new DmabufdError('FAILED_PRECONDITION', 'the broker has been closed');
    for (const lease of this.#leases.values()) lease.dispose(reason);
    this.#leases.clear();
    this.#connection?.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  get #required(): Connection<Session> {
    if (this.#connection === null) throw new ConnectionLostError('not connected yet');
    return this.#connection;
  }

  get #session(): Session {
    return this.#required.session;
  }

  /** One SharedBuffer more on the session's lease, which is one however often the buffer is opened. */
  #take(session: Session, description: BufferDescription): SharedBuffer {
    let lease = this.#leases.get(description.id);
    if (lease === undefined || lease.session !== session) {
      lease = new Lease(session, addon, description);
      this.#leases.set(description.id, lease);
    } else {
      lease.widen(description);
    }
    return new SharedBuffer(lease, (released) => {
      if (this.#leases.get(released.id) === released) this.#leases.delete(released.id);
    });
  }

  async #openSession(limits: CallLimits): Promise<Session> {
    const session = await Session.open(addon.connectSeqpacket, this.runtimeDirectory, limits);
    session.onRevoked((bufferId) => this.#revoked(session, bufferId));
    session.onRestarted(() => this.#restarted(session));
    session.settleBy((ofCall) => this.#settle(session, ofCall));
    return session;
  }

  #revoked(session: Session, bufferId: number): void {
    const lease = this.#leases.get(bufferId);
    if (lease?.session !== session) return;
    this.#leases.delete(bufferId);
    const message = `the lease on buffer ${bufferId} was revoked by whoever granted it`;
    lease.dispose(new DmabufdError('FAILED_PRECONDITION', message));
    this.emit('revoked', lease.description);
  }

  #restarted(session: Session): void {
    this.emit('restarted', session.id);
    // However often the daemon goes meanwhile. It fails with the session's end, after which there is nothing to settle.
    const limits = new CallLimits({ timeoutMs: Number.POSITIVE_INFINITY });
    this.#settle(session, limits).catch(() => {});
  }

  /**
   * After a restart of the daemon: what it gave in answers that were lost is given back, and what it has not brought over is
   * lost here, too.
   */
  async #settle(session: Session, limits: CallLimits): Promise<void> {
    const { control, takings, grantIds } = session;
    await takings.whileNone(limits, 'comparing with the daemon after its restart', async () => {
      const leased = await listBuffers(control, { allSessions: false }, limits);
      this.#dropLost(session, new Set(leased.map(({ id }) => id)));
      const heardOf = (id: number) => this.#leases.get(id)?.session === session;
      for (const { id } of leased) {
        if (!heardOf(id)) await session.release(id, limits).catch(ignoreGone);
      }
      for (const { id } of await listGrants(control, limits)) {
        if (grantIds.has(id)) continue;
        await revokeGrant(session, id, { timeoutMs: limits.remainingMs }).catch(ignoreGone);
      }
    });
  }

  #dropLost(session: Session, leased: ReadonlySet<number>): void {
    for (const [id, lease] of [...this.#leases]) {
      if (lease.session !== session || leased.has(id)) continue;
      this.#leases.delete(id);
      const message = `buffer ${id}: its lease did not outlive a restart of the daemon`;
      lease.dispose(new ConnectionLostError(message));
      this.emit('lost', lease.description);
    }
  }

  #disconnected(error: DmabufdError): void {
    const lost = [...this.#leases.values()];
    // A later session may use the same ids, if it is another daemon's.
    this.#leases.clear();
    this.emit('disconnected', error);
    for (const lease of lost) this.emit('lost', lease.description);
  }
}

/** It is gone already: given back by the application meanwhile, revoked, or used up. */
function ignoreGone(error: unknown): void {
  const gone = ['NOT_FOUND', 'FAILED_PRECONDITION'];
  if (!(error instanceof DmabufdError && gone.includes(error.code))) throw error;
}

function requireInteger(field: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  const limit = `must be an integer from ${least} to ${Number.MAX_SAFE_INTEGER}`;
  throw new DmabufdError('INVALID_ARGUMENT', `${field}: ${value}: ${limit}`);
}
