/**
 * A connection to control.sock of which little is read at a time, when it is its account's turn. What a client sends, be it a
 * call, a frame that must be answered or bytes without sense, costs the event loop's time; so however much of it comes
 * over however many connections, the others are heard in between. What is not read stays in the socket, and its sender waits.
 */
import { EventEmitter } from 'node:events';
import type { ServerHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import type { Server } from '@grpc/grpc-js';
import type { Turns } from './turns';

/** A few calls: the SDK's are of 80 bytes, the shortest of 30. */
const BYTES_A_TURN = 256;

export class PacedConnection extends Duplex {
  private isWanted = false;
  private isWaiting = false;

  constructor(
    private readonly socket: Socket,
    /** What `call.getPeer()` answers. */
    readonly name: string,
    private readonly turns: Turns,
    private readonly account: string,
  ) {
    super();
    socket.on('readable', () => this.readOn());
    socket.once('end', () => this.push(null));
    socket.once('error', (error) => this.destroy(error));
    socket.once('close', () => this.destroy());
  }

  override _read(): void {
    this.isWanted = true;
    this.readOn();
  }

  override _write(bytes: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.socket.write(bytes, done);
  }

  override _final(done: () => void): void {
    this.socket.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.socket.destroy();
    done(error);
  }

  private readOn(): void {
    // Takes nothing, but has the socket look for more, and say so if there never will be.
    if (this.socket.readableLength === 0) this.socket.read(0);
    else if (this.isWanted && !this.isWaiting) this.waitForTurn();
  }

  private waitForTurn(): void {
    this.isWaiting = true;
    this.turns.take(this.account, () => {
      this.isWaiting = false;
      this.isWanted = false;
      this.push(this.socket.read(Math.min(this.socket.readableLength, BYTES_A_TURN)));
    });
  }
}

/**
 * Has `call.getPeer()` answer the name of the call's connection. grpc-js (1.14.7) asks the socket of the HTTP/2 session for its
 * address, which is node's own around ours and has none, and keeps its HTTP/2 servers to itself.
 */
export function nameConnections(server: Server): void {
  const servers: unknown = Reflect.get(server, 'http2Servers');
  const [http2Server] = servers instanceof Map ? servers.keys() : [];
  if (!(http2Server instanceof EventEmitter)) throw new Error('grpc-js has no http2Servers');
  http2Server.on('session', (session: ServerHttp2Session) => {
    const connection: unknown = Reflect.get(session.socket, 'stream');
    if (!(connection instanceof PacedConnection)) throw new Error('a session of no connection');
    const named = Object.create(session.socket, { remoteAddress: { value: connection.name } });
    Object.defineProperty(session, 'socket', { value: named });
  });
}
