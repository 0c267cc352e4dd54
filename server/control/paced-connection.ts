/**
 * A connection to control.sock of which little is read at a time, when it is its account's turn. What a client sends, be it a
 * call, a frame that must be answered or bytes without sense, costs the event loop's time; so however much of it comes
 * over however many connections, the others are heard in between. What is not read stays in the socket, and its sender waits.
 */
import { EventEmitter } from 'node:events';
import type { ServerHttp2Session } from 'node:http2';
import type { OnReadOpts, Socket } from 'node:net';
import { Duplex } from 'node:stream';
import type { Server } from '@grpc/grpc-js';
import type { Turns } from './turns';

/** A few calls: the SDK's are of 80 bytes, the shortest of 30. */
const BYTES_A_PIECE = 256;
/** Pieces of one connection: no more is read while so many wait. */
const MOST_WAITING = 2;

export class PacedConnection extends Duplex {
  readonly socket: Socket;
  /** Pieces that wait for their turns. */
  private waiting = 0;
  private isWanted = true;

  constructor(
    /** Opens the socket, which is read from as it is told. */
    open: (onread: OnReadOpts) => Socket,
    /** What `call.getPeer()` answers. */
    readonly name: string,
    private readonly turns: Turns,
    private readonly account: string,
  ) {
    super();
    const buffer = Buffer.allocUnsafeSlow(BYTES_A_PIECE);
    const callback = (length: number) => this.passOn(Buffer.from(buffer.subarray(0, length)));
    this.socket = open({ buffer, callback });
    // After the pieces that wait.
    this.socket.once('end', () => this.turns.take(account, () => this.push(null)));
    this.socket.once('close', () => this.turns.take(account, () => this.destroy()));
    this.socket.once('error', (error) => this.destroy(error));
  }

  override _read(): void {
    this.isWanted = true;
    if (this.waiting === 0) this.socket.resume();
  }

  override _write(bytes: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.socket.write(bytes, done);
  }

  /** What nghttp2 sends at once (a frame's header and what is in it, and all frames of an answer) reaches the client at once. */
  override _writev(pieces: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this.socket.write(Buffer.concat(pieces.map(({ chunk }) => chunk)), done);
  }

  override _final(done: () => void): void {
    this.socket.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.socket.destroy();
    done(error);
  }

  /**
   * Answers whether to go on reading. One piece may wait meanwhile: of a client that then waits for its answer nothing more comes, and
   * to stop reading and begin again costs two system calls.
   */
  private passOn(piece: Buffer): boolean {
    this.waiting += 1;
    this.turns.take(this.account, () => {
      this.waiting -= 1;
      this.isWanted = this.push(piece);
    });
    return this.waiting < MOST_WAITING && this.isWanted;
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
