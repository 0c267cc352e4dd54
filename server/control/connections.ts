/**
 * Connections to control.sock. Each is accepted and its peer identified before a byte of it is read; then it is injected
 * into grpc-js under a name of its own, by which a call finds its peer again. Their number is bounded, and they are read from
 * in turns (paced-connection.ts). One that does not begin to speak HTTP/2 in time is closed, and so is one whose peer has hung up unnoticed: once nghttp2 has
 * answered a protocol error with GOAWAY, node reads the socket no more and would keep it for ever.
 */
import { type ConnectOpts, type OnReadOpts, Socket, type SocketConstructorOpts } from 'node:net';
import type { ConnectionInjector } from '@grpc/grpc-js';
import {
  type Fd,
  type NativeAddon,
  type OnConnection,
  type PeerCredentials,
  Poll,
  type StreamListener,
} from '../../native';
import { DomainError } from '../domain/errors';
import type { Peer } from '../domain/peer';
import type { Charge } from '../domain/quota';
import type { Log } from '../log';
import type { Identify } from '../peers/proc';
import { PacedConnection } from './paced-connection';
import type { Turns } from './turns';

/** The client connection preface (RFC 9113, 3.4) and the header of the SETTINGS frame that must follow. */
const PREFACE_BYTES = 24 + 9;
const PREFACE_TIMEOUT_MS = 5_000;
/** A hang-up that is seen twice is not being dealt with. */
const SWEEP_INTERVAL_MS = 1_000;

interface Connection {
  readonly peer: Peer;
  readonly socket: Socket;
  /** A second fd of the socket, to look at it beside node. */
  readonly probe: Fd;
  hasHungUp: boolean;
}

/** Charges the peer's account for a connection. Throws if it may have none, or no more. */
export type AdmitConnection = (peer: Peer) => Charge;

export class Connections {
  private readonly connections = new Map<string, Connection>();
  private sweeper: NodeJS.Timeout | undefined;
  private listener: StreamListener | null = null;
  private accepted = 0;

  constructor(
    private readonly addon: Pick<NativeAddon, 'acceptStreams' | 'pollNow'>,
    private readonly injector: ConnectionInjector,
    private readonly identify: Identify,
    private readonly admit: AdmitConnection,
    private readonly turns: Turns,
    private readonly log: Log,
  ) {}

  get count(): number {
    return this.connections.size;
  }

  /** Takes the listener over, or what is this process's of it. */
  listen(listener: Fd, { isShared }: { readonly isShared: boolean }): void {
    this.sweeper = setInterval(() => this.sweep(), SWEEP_INTERVAL_MS).unref();
    const onConnection: OnConnection = (fd, credentials) => this.accept(fd, credentials);
    this.listener = this.addon.acceptStreams(listener, onConnection, { isShared });
  }

  /** Accepts no more. Those that there are stay. */
  close(): void {
    clearInterval(this.sweeper);
    this.listener?.close();
    this.listener = null;
  }

  /** Who is at the other end of a connection, by what `call.getPeer()` answers. */
  peerOf(name: string): Peer {
    const connection = this.connections.get(name);
    if (connection !== undefined) return connection.peer;
    throw new DomainError('cancelled', 'the connection of this call has ended');
  }

  private accept(fd: Fd, credentials: PeerCredentials): void {
    // Whoever only connects and leaves is to cost as little as it costs him: others wait in the same queue.
    if ((this.addon.pollNow(fd, 0) & Poll.HUP) !== 0) {
      credentials.pidfd?.close();
      fd.close();
      return;
    }
    try {
      const peer = this.identify(credentials);
      const charge = this.admit(peer);
      try {
        this.inject(fd, peer, charge);
      } catch (error) {
        charge.refund();
        throw error;
      }
    } catch (error) {
      fd.close();
      const { pid, uid } = credentials;
      const level = error instanceof DomainError ? 'debug' : 'error';
      this.log[level](
        { peer: { pid, uid }, err: error },
        'a connection to control.sock was refused',
      );
    }
  }

  private inject(fd: Fd, peer: Peer, charge: Charge): void {
    const probe = fd.duplicate();
    this.accepted += 1;
    const name = `connection-${this.accepted}`;
    const open = (onread: OnReadOpts) => openSocket(fd.release(), onread);
    const connection = new PacedConnection(open, name, this.turns, charge.account);
    const { socket } = connection;
    const { pid, uid } = peer;
    const log = this.log.child({ connection: name, peer: { pid, uid } });
    this.connections.set(name, { peer, socket, probe, hasHungUp: false });
    const deadline = setTimeout(() => {
      if (socket.bytesRead >= PREFACE_BYTES) return;
      log.debug('no HTTP/2 preface in time');
      socket.destroy();
    }, PREFACE_TIMEOUT_MS).unref();
    socket.on('error', (error) => log.debug({ err: error }, 'control connection broke'));
    socket.once('close', () => {
      clearTimeout(deadline);
      charge.refund();
      probe.close();
      this.connections.delete(name);
      log.debug('control connection closed');
    });
    log.debug('control connection opened');
    this.injector.injectConnection(connection);
  }

  private sweep(): void {
    for (const connection of this.connections.values()) {
      const hasHungUp = (this.addon.pollNow(connection.probe, 0) & Poll.HUP) !== 0;
      if (hasHungUp && connection.hasHungUp) connection.socket.destroy();
      connection.hasHungUp = hasHungUp;
    }
  }
}

function openSocket(fd: number, onread: OnReadOpts): Socket {
  // In node, not in its types: the constructor takes onread as connect() does.
  const options: SocketConstructorOpts & ConnectOpts = {
    fd,
    readable: true,
    writable: true,
    onread,
  };
  return new Socket(options);
}
