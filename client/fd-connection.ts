/**
 * One connection to fd.sock, which is one session. Requests are pipelined and matched to their answers by serial; an
 * fd that comes for a request that nobody waits for any more is closed. The connection owns the socket; the fds of an
 * answer go to whoever asked.
 */
import type { Fd, NativeAddon, SeqpacketSocket, SystemError } from '../native';
import { ANSWER, Opcode } from '../proto/fd-numbers';
import { type CallLimits, waitWithin } from './call-limits';
import { ConnectionLostError, type DmabufdError, errorOfStatus, systemErrorCode } from './errors';
import {
  checkRestarted,
  type Datagram,
  decodeDatagram,
  decodeReason,
  decodeRevoked,
  decodeWelcome,
  encodeDatagram,
  ProtocolError,
  type Welcome,
} from './fd-protocol';

/** DMABUFD_FD_NOT_FOUND of dmabufd_fd.h. */
const NOT_FOUND = 5;

/** What a request brought back. The receiver owns the fds. */
export interface FdAnswer {
  readonly payload: Uint8Array;
  readonly fds: readonly Fd[];
}

/** What is asked over fd.sock. */
export interface FdRequest {
  readonly opcode: number;
  readonly payload: Uint8Array;
  /** Sent along; they stay the caller's, and open until the answer has come. */
  readonly fds?: readonly Fd[];
  /** For the messages of errors: what is asked, such as `FETCH of buffer 7`. */
  readonly what: string;
  /** Called for an answer that is OK but comes after the caller gave up. Its fds are closed after it. */
  readonly onLate?: (answer: FdAnswer) => void;
  /** Of a request that was sent again after a restart: NOT_FOUND means that the first has done what was asked. */
  readonly removes?: boolean;
}

interface Pending {
  readonly unsent: Unsent;
  readonly request: FdRequest;
  /** It was sent to an earlier process of the daemon, too, which may have done it. */
  isRepeated: boolean;
  readonly resolve: (answer: FdAnswer) => void;
  readonly reject: (error: unknown) => void;
}

interface Unsent {
  readonly serial: number;
  readonly bytes: Uint8Array;
  readonly fds: readonly Fd[];
}

/** An open fd.sock connection that has been welcomed. */
export class FdConnection {
  readonly #path: string;
  readonly #pending = new Map<number, Pending>();
  /** Requests that their callers gave up before the answer came. */
  readonly #abandoned = new Map<number, FdRequest>();
  #unsent: Unsent[] = [];
  #socket: SeqpacketSocket | null = null;
  #lastSerial = 0;
  #welcome: Welcome | null = null;
  #onWelcome: ((welcome: Welcome) => void) | null = null;
  #endedBy: DmabufdError | null = null;
  #onEnded: ((error: DmabufdError) => void)[] = [];
  #onRevoked: (bufferId: number) => void = () => {};
  #onRestarted: () => void = () => {};

  private constructor(path: string) {
    this.#path = path;
  }

  /**
   * Connects and waits for WELCOME. Throws what `connect` throws (a SystemError), and ConnectionLostError or the
   * daemon's reason if it says GOODBYE instead.
   */
  static async open(
    connect: NativeAddon['connectSeqpacket'],
    path: string,
    limits: CallLimits,
  ): Promise<FdConnection> {
    const connection = new FdConnection(path);
    await waitWithin<Welcome>({
      limits,
      what: `WELCOME from ${path}`,
      start: (resolve, reject) => {
        connection.#onWelcome = resolve;
        connection.#onEnded.push(reject);
        connection.#socket = connect(path, {
          onDatagram: (bytes, fds) => connection.#receive(bytes, fds),
          onWritable: () => connection.#flush(),
          onClosed: (error) => connection.#closedByPeer(error),
        });
        return () => connection.close();
      },
    });
    return connection;
  }

  /** What the daemon said first. */
  get welcome(): Welcome {
    if (this.#welcome === null) throw new Error('not welcomed yet');
    return this.#welcome;
  }

  /** Why the connection has ended; null while it is open. */
  get endedBy(): DmabufdError | null {
    return this.#endedBy;
  }

  /** Calls back once, when the connection ends by whatever cause. */
  onEnded(callback: (error: DmabufdError) => void): void {
    const error = this.#endedBy;
    if (error === null) this.#onEnded.push(callback);
    else queueMicrotask(() => callback(error));
  }

  /** Calls back for each lease that is revoked. */
  onRevoked(callback: (bufferId: number) => void): void {
    this.#onRevoked = callback;
  }

  /** Calls back when the daemon has been started again and has kept the session. */
  onRestarted(callback: () => void): void {
    this.#onRestarted = callback;
  }

  /** Sends a request and waits for its answer. Rejects with the daemon's reason if the answer is not OK. */
  request(request: FdRequest, limits: CallLimits): Promise<FdAnswer> {
    return waitWithin<FdAnswer>({
      limits,
      what: request.what,
      start: (resolve, reject) => {
        if (this.#endedBy !== null) throw this.#endedBy;
        const serial = this.#nextSerial();
        const fds = request.fds ?? [];
        const { opcode, payload } = request;
        const bytes = encodeDatagram({ opcode, serial, status: 0, payload }, fds.length);
        const unsent = { serial, bytes, fds };
        this.#pending.set(serial, { unsent, request, isRepeated: false, resolve, reject });
        this.#unsent.push(unsent);
        this.#flush();
        return () => this.#abandon(serial, request);
      },
    });
  }

  /** Closes the connection, which ends the session. What is pending rejects. */
  close(): void {
    this.#end(new ConnectionLostError('the connection was closed by this process'));
  }

  #nextSerial(): number {
    do this.#lastSerial = (this.#lastSerial % 0xffff_ffff) + 1;
    while (this.#pending.has(this.#lastSerial) || this.#abandoned.has(this.#lastSerial));
    return this.#lastSerial;
  }

  #flush(): void {
    for (let next = this.#unsent[0]; next !== undefined; next = this.#unsent[0]) {
      try {
        if (this.#socket === null || !this.#socket.send(next.bytes, next.fds)) return;
      } catch (cause) {
        if (isHangUp(cause)) {
          this.#end(new ConnectionLostError(`${this.#path}: the daemon hung up`, { cause }));
          return;
        }
        // One request that cannot be sent (a closed fd, say) fails alone.
        this.#take(next.serial)?.reject(cause);
      }
      this.#unsent.shift();
    }
  }

  #abandon(serial: number, request: FdRequest): void {
    this.#pending.delete(serial);
    const unsent = this.#unsent.findIndex((entry) => entry.serial === serial);
    if (unsent >= 0) this.#unsent.splice(unsent, 1);
    else this.#abandoned.set(serial, request);
  }

  #take(serial: number): Pending | undefined {
    const pending = this.#pending.get(serial);
    this.#pending.delete(serial);
    return pending;
  }

  #receive(bytes: Uint8Array, fds: readonly Fd[]): void {
    try {
      this.#handle(decodeDatagram(bytes, fds.length), fds);
    } catch (cause) {
      closeAll(fds);
      const reason = cause instanceof Error ? cause.message : String(cause);
      this.#end(new ConnectionLostError(`${this.#path}: ${reason}`, { cause }));
    }
  }

  #handle(datagram: Datagram, fds: readonly Fd[]): void {
    if (datagram.opcode === Opcode.WELCOME) {
      closeAll(fds);
      this.#welcome = decodeWelcome(datagram.payload);
      this.#onWelcome?.(this.#welcome);
    } else if (datagram.opcode === Opcode.GOODBYE) {
      closeAll(fds);
      const reason = decodeReason(datagram.payload);
      this.#end(errorOfStatus(datagram.status, `the daemon ended the session: ${reason}`));
    } else if (datagram.opcode === Opcode.REVOKED) {
      closeAll(fds);
      this.#onRevoked(decodeRevoked(datagram.payload));
    } else if (datagram.opcode === Opcode.RESTARTED) {
      closeAll(fds);
      checkRestarted(datagram.payload);
      if (this.#welcome === null) throw new ProtocolError('RESTARTED without a WELCOME before');
      this.#sendAgain();
      this.#onRestarted();
    } else if ((datagram.opcode & ANSWER) !== 0) {
      this.#handleAnswer(datagram, fds);
    } else {
      closeAll(fds);
    }
  }

  /** What the earlier process has not answered it never will. Its place in the order is that of its serial, as before. */
  #sendAgain(): void {
    for (const pending of this.#pending.values()) {
      if (this.#unsent.includes(pending.unsent)) continue;
      pending.isRepeated = true;
      this.#unsent.push(pending.unsent);
    }
    this.#unsent.sort((a, b) => a.serial - b.serial);
    this.#flush();
  }

  #handleAnswer({ serial, status, payload }: Datagram, fds: readonly Fd[]): void {
    const pending = this.#take(serial);
    if (pending === undefined) {
      const abandoned = this.#abandoned.get(serial);
      this.#abandoned.delete(serial);
      if (status === 0) abandoned?.onLate?.({ payload, fds });
      closeAll(fds);
    } else if (status === 0) {
      pending.resolve({ payload, fds });
    } else if (status === NOT_FOUND && pending.isRepeated && pending.request.removes === true) {
      closeAll(fds);
      pending.resolve({ payload: new Uint8Array(0), fds: [] });
    } else {
      closeAll(fds);
      pending.reject(errorOfStatus(status, decodeReason(payload)));
    }
  }

  #closedByPeer(error: SystemError | null): void {
    const why = error === null ? 'the daemon closed the connection' : error.message;
    this.#end(new ConnectionLostError(`${this.#path}: ${why}`, { cause: error ?? undefined }));
  }

  #end(error: DmabufdError): void {
    if (this.#endedBy !== null) return;
    this.#endedBy = error;
    this.#socket?.close();
    this.#unsent = [];
    for (const pending of this.#pending.values()) pending.reject(error);
    this.#pending.clear();
    this.#abandoned.clear();
    for (const callback of this.#onEnded.splice(0)) callback(error);
  }
}

/** sendmsg(2) may find a socket dead before the event loop does. */
function isHangUp(error: unknown): boolean {
  const code = systemErrorCode(error);
  return code === 'EPIPE' || code === 'ECONNRESET' || code === 'ENOTCONN';
}

function closeAll(fds: readonly Fd[]): void {
  for (const fd of fds) fd.close();
}
