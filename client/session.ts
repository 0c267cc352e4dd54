/**
 * One session with the daemon: a connection to fd.sock, which the session is, and a channel to control.sock that
 * carries its token. A session is never revived: after a loss there is another one.
 */
import { join } from 'node:path';
import type { Fd, NativeAddon } from '../native';
import { CONTROL_SOCKET_NAME, FD_SOCKET_NAME } from '../proto';
import { Opcode } from '../proto/fd-numbers';
import type { CallLimits } from './call-limits';
import { onceQueued } from './connect-queue';
import { ControlConnection } from './control-connection';
import { DmabufdError, errorOfConnect, systemErrorCode } from './errors';
import { FdConnection } from './fd-connection';
import {
  decodeBuffers,
  encodeAdopt,
  encodeBufferIds,
  encodeFence,
  type FetchedBuffer,
} from './fd-protocol';
import { Takings } from './takings';

/** A buffer's fd, as FETCH brought it. */
export interface Fetched extends FetchedBuffer {
  readonly fd: Fd;
}

/** An open session. */
export class Session {
  readonly id: number;
  readonly #fds: FdConnection;
  readonly control: ControlConnection;
  /** What gives it something. */
  readonly takings = new Takings();
  /** The grants that it made, as far as this process has heard of them. */
  readonly grantIds = new Set<number>();

  #settle: (limits: CallLimits) => Promise<void> = () => Promise.resolve();

  private constructor(fds: FdConnection, control: ControlConnection) {
    this.id = fds.welcome.sessionId;
    this.#fds = fds;
    this.control = control;
    fds.onEnded((error) => control.close(error));
  }

  /** Connects to the daemon in a runtime directory. Throws ConnectionLostError if there is none. */
  static async open(
    connect: NativeAddon['connectSeqpacket'],
    runtimeDirectory: string,
    limits: CallLimits,
  ): Promise<Session> {
    const path = join(runtimeDirectory, FD_SOCKET_NAME);
    const fds = await connectWithin(connect, path, limits);
    try {
      const controlPath = join(runtimeDirectory, CONTROL_SOCKET_NAME);
      return new Session(fds, new ControlConnection(controlPath, fds.welcome.token));
    } catch (error) {
      // An open session that nobody has would keep the process alive.
      fds.close();
      throw error;
    }
  }

  /** Why the session has ended; null while it lives. */
  get endedBy(): DmabufdError | null {
    return this.#fds.endedBy;
  }

  /** Calls back once when the session ends by whatever cause. */
  onEnded(callback: (error: DmabufdError) => void): void {
    this.#fds.onEnded(callback);
  }

  /** Calls back for each lease that the daemon takes away. */
  onRevoked(callback: (bufferId: number) => void): void {
    this.#fds.onRevoked(callback);
  }

  /** Calls back when the daemon has been started again, and the session goes on. */
  onRestarted(callback: () => void): void {
    this.#fds.onRestarted(callback);
  }

  /** What gives back what was given in answers that were lost. */
  settleBy(settle: (limits: CallLimits) => Promise<void>): void {
    this.#settle = settle;
  }

  /**
   * Takes something, and takes it again for as long as the daemon cannot be reached. What an attempt without an answer has given is
   * given back before the next.
   */
  take<T>(limits: CallLimits, what: string, attempt: () => Promise<T>): Promise<T> {
    return this.control.untilAnswered(limits, what, async (isRepeated) => {
      if (isRepeated) await this.#settle(limits);
      return this.takings.attempt(limits, what, attempt);
    });
  }

  /** FETCH. The caller owns the fd. */
  async fetch(bufferId: number, limits: CallLimits): Promise<Fetched> {
    const what = `FETCH of buffer ${bufferId}`;
    const payload = encodeBufferIds([bufferId]);
    const answer = await this.#fds.request({ opcode: Opcode.FETCH, payload, what }, limits);
    const [buffer] = decodeBuffers(answer.payload, 1);
    const [fd] = answer.fds;
    if (buffer === undefined || fd === undefined) throw malformed(what);
    const { sizeBytes, flags } = buffer;
    // Spreading the buffer instead costs half a microsecond.
    return { bufferId: buffer.bufferId, sizeBytes, flags, fd };
  }

  /** ADOPT. The fd stays the caller's. */
  async adopt(fd: Fd, label: string, limits: CallLimits): Promise<FetchedBuffer> {
    const what = 'ADOPT';
    const answer = await this.#fds.request(
      {
        opcode: Opcode.ADOPT,
        payload: encodeLabel(label),
        fds: [fd],
        what,
        // Nobody will ever release what nobody knows of.
        onLate: (late) => {
          const [buffer] = decodeBuffers(late.payload, 1);
          if (buffer !== undefined) void this.release(buffer.bufferId, limits).catch(() => {});
        },
      },
      limits,
    );
    const [buffer] = decodeBuffers(answer.payload, 1);
    if (buffer === undefined) throw malformed(what);
    return buffer;
  }

  /** RELEASE. */
  async release(bufferId: number, limits: CallLimits): Promise<void> {
    const what = `RELEASE of buffer ${bufferId}`;
    const payload = encodeBufferIds([bufferId]);
    await this.#fds.request({ opcode: Opcode.RELEASE, payload, what, removes: true }, limits);
  }

  /** EXPORT_FENCE. The caller owns the sync_file. */
  async exportFence(bufferId: number, flags: number, limits: CallLimits): Promise<Fd> {
    const what = `EXPORT_FENCE of buffer ${bufferId}`;
    const payload = encodeFence(bufferId, flags);
    const answer = await this.#fds.request({ opcode: Opcode.EXPORT_FENCE, payload, what }, limits);
    const [fd] = answer.fds;
    if (fd === undefined) throw malformed(what);
    return fd;
  }

  /** IMPORT_FENCE. The sync_file stays the caller's. */
  async importFence(bufferId: number, flags: number, fence: Fd, limits: CallLimits): Promise<void> {
    const what = `IMPORT_FENCE into buffer ${bufferId}`;
    const payload = encodeFence(bufferId, flags);
    const opcode = Opcode.IMPORT_FENCE;
    await this.#fds.request({ opcode, payload, fds: [fence], what }, limits);
  }

  /** Ends the session, and with it everything that it holds in the daemon. */
  close(): void {
    this.#fds.close();
  }
}

async function connectWithin(
  connect: NativeAddon['connectSeqpacket'],
  path: string,
  limits: CallLimits,
): Promise<FdConnection> {
  return onceQueued(limits, `connecting to ${path}`, async () => {
    try {
      return await FdConnection.open(connect, path, limits);
    } catch (error) {
      throw errorOfConnect(systemErrorCode(error), path, error);
    }
  });
}

function encodeLabel(label: string): Uint8Array {
  try {
    return encodeAdopt(label);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DmabufdError('INVALID_ARGUMENT', reason, { cause });
  }
}

function malformed(what: string): DmabufdError {
  return new DmabufdError('INTERNAL', `${what}: the answer carries too few fds or buffers`);
}
