/**
 * A client of fd.sock without the SDK: sends whatever bytes and fds a test wants, and notes what comes back.
 */
import { join } from 'node:path';
import { decodeDatagram, decodeReason, decodeWelcome } from '../../client/fd-protocol';
import addon, { type Fd, type SeqpacketSocket } from '../../native';
import { FD_SOCKET_NAME } from '../../proto';
import { ANSWER, Opcode } from '../../proto/fd-numbers';
import type { DaemonProcess } from './daemon-process';
import { eventually } from './slowness';

/** What a datagram's header says; a test may lie in each field. */
export interface RawRequest {
  readonly opcode: number;
  readonly payload?: Uint8Array;
  readonly serial?: number;
  readonly status?: number;
  /** Default: as many as are sent. */
  readonly fdCount?: number;
  /** Default: as long as it is. */
  readonly length?: number;
}

/** What came: an answer, or the end. */
export interface Reply {
  readonly opcode: number;
  readonly serial: number;
  readonly status: number;
  /** The reason, if the status is not OK. */
  readonly reason: string;
  readonly payload: Uint8Array;
  readonly fds: readonly Fd[];
}

export class RawFdClient implements Disposable {
  readonly #socket: SeqpacketSocket;
  readonly #replies: Reply[] = [];
  #token: Uint8Array | null = null;
  #closed = false;

  private constructor(daemon: DaemonProcess) {
    this.#socket = addon.connectSeqpacket(join(daemon.runtimeDirectory, FD_SOCKET_NAME), {
      onDatagram: (bytes, fds) => this.#take(bytes, fds),
      onWritable: () => {},
      onClosed: () => {
        this.#closed = true;
      },
    });
  }

  /** Connects and waits for WELCOME. */
  static async connect(daemon: DaemonProcess): Promise<RawFdClient> {
    const client = new RawFdClient(daemon);
    await eventually('WELCOME', () => (client.#token === null ? undefined : true));
    return client;
  }

  get token(): Uint8Array {
    return this.#token ?? new Uint8Array();
  }

  /** The daemon has hung up. */
  get closed(): boolean {
    return this.#closed;
  }

  sendBytes(bytes: Uint8Array, fds: readonly Fd[] = []): void {
    this.#socket.send(bytes, fds);
  }

  send(request: RawRequest, fds: readonly Fd[] = []): void {
    const payload = request.payload ?? new Uint8Array();
    const bytes = new Uint8Array(16 + payload.length);
    const view = new DataView(bytes.buffer);
    view.setUint16(0, request.opcode, true);
    view.setUint16(2, request.fdCount ?? fds.length, true);
    view.setUint32(4, request.length ?? bytes.length, true);
    view.setUint32(8, request.serial ?? 1, true);
    view.setUint32(12, request.status ?? 0, true);
    bytes.set(payload, 16);
    this.sendBytes(bytes, fds);
  }

  /** The next answer, or GOODBYE. */
  reply(): Promise<Reply> {
    return eventually('a reply', () => this.#replies.shift());
  }

  async hungUp(): Promise<void> {
    await eventually('the daemon hangs up', () => (this.#closed ? true : undefined));
  }

  [Symbol.dispose](): void {
    this.#socket.close();
    for (const { fds } of this.#replies) for (const fd of fds) fd.close();
  }

  #take(bytes: Uint8Array, fds: readonly Fd[]): void {
    const { opcode, serial, status, payload } = decodeDatagram(bytes, fds.length);
    if (opcode === Opcode.WELCOME) {
      this.#token = decodeWelcome(payload).token;
      return;
    }
    const reason = status === 0 ? '' : decodeReason(payload);
    this.#replies.push({ opcode: opcode & ~ANSWER, serial, status, reason, payload, fds });
  }
}
