import { CallLimits } from '../../../client/call-limits';
import { FdConnection } from '../../../client/fd-connection';
import { encodeDatagram } from '../../../client/fd-protocol';
import type { Fd, NativeAddon, SeqpacketHandlers, SeqpacketSocket } from '../../../native';
import { ANSWER, Opcode, WELCOME_BYTES } from '../../../proto/fd-numbers';

class FakeFd implements Fd {
  closed = false;
  readonly number = 99;
  close(): void {
    this.closed = true;
  }
  duplicate(): Fd {
    return new FakeFd();
  }
  release(): number {
    return this.number;
  }
  [Symbol.dispose](): void {
    this.close();
  }
}

/** The daemon's end of the connection, by hand. */
class FakeDaemon implements SeqpacketSocket {
  readonly peer = { pid: 1, uid: 0, gid: 0, groups: [], pidfsInode: 0, pidfd: null };
  readonly sent: { opcode: number; serial: number; fds: number }[] = [];
  writable = true;
  failure: Error | null = null;
  closed = false;
  #handlers: SeqpacketHandlers | null = null;

  readonly connect: NativeAddon['connectSeqpacket'] = (_path, handlers) => {
    this.#handlers = handlers;
    return this;
  };

  send(bytes: Uint8Array, fds: readonly Fd[] = []): boolean {
    if (this.failure !== null) throw this.failure;
    if (!this.writable) return false;
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const opcode = view.getUint16(0, true);
    this.sent.push({ opcode, serial: view.getUint32(8, true), fds: fds.length });
    return true;
  }
  close(): void {
    this.closed = true;
  }
  ref(): void {}
  unref(): void {}

  tell(opcode: number, serial: number, payload: Uint8Array, fds: Fd[] = [], status = 0): void {
    this.tellBytes(encodeDatagram({ opcode, serial, status, payload }, fds.length), fds);
  }
  tellBytes(bytes: Uint8Array, fds: Fd[]): void {
    this.#handlers?.onDatagram(bytes, fds);
  }
  welcome(): void {
    const payload = new Uint8Array(WELCOME_BYTES);
    payload[0] = 1;
    payload[8] = 42;
    this.tell(Opcode.WELCOME, 0, payload);
  }
  becomeWritable(): void {
    this.writable = true;
    this.#handlers?.onWritable();
  }
  hangUp(): void {
    this.#handlers?.onClosed(null);
  }
  serialOf(index: number): number {
    return this.sent[index]?.serial ?? -1;
  }
}

const limits = (options?: ConstructorParameters<typeof CallLimits>[0]) => new CallLimits(options);
const FETCH = { opcode: Opcode.FETCH, payload: new Uint8Array(8), what: 'FETCH of buffer 1' };
const text = (reason: string) => new TextEncoder().encode(reason);

async function connected(): Promise<{ daemon: FakeDaemon; connection: FdConnection }> {
  const daemon = new FakeDaemon();
  const opening = FdConnection.open(daemon.connect, '/run/fd.sock', limits());
  daemon.welcome();
  return { daemon, connection: await opening };
}

describe('a connection to fd.sock', () => {
  test('is open once the daemon has welcomed it', async () => {
    const { connection } = await connected();
    expect(connection.welcome.sessionId).toBe(42);
    expect(connection.endedBy).toBeNull();
  });

  test('fails with the reason of a GOODBYE instead of WELCOME', async () => {
    const daemon = new FakeDaemon();
    const opening = FdConnection.open(daemon.connect, '/run/fd.sock', limits());
    daemon.tell(Opcode.GOODBYE, 0, text('64 sessions are open'), [], 8);
    await expect(opening).rejects.toMatchObject({
      code: 'RESOURCE_EXHAUSTED',
      message: 'the daemon ended the session: 64 sessions are open',
    });
    expect(daemon.closed).toBe(true);
  });

  test('is lost if the daemon was started again before it had welcomed anybody', async () => {
    const daemon = new FakeDaemon();
    const opening = FdConnection.open(daemon.connect, '/run/fd.sock', limits());
    daemon.tell(Opcode.RESTARTED, 0, Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0));
    await expect(opening).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining('RESTARTED without a WELCOME'),
    });
    expect(daemon.closed).toBe(true);
  });

  test('matches answers that come in another order', async () => {
    const { daemon, connection } = await connected();
    const first = connection.request(FETCH, limits());
    const second = connection.request(FETCH, limits());
    daemon.tell(Opcode.FETCH | ANSWER, daemon.serialOf(1), Uint8Array.of(2));
    daemon.tell(Opcode.FETCH | ANSWER, daemon.serialOf(0), Uint8Array.of(1));
    expect([...(await first).payload, ...(await second).payload]).toEqual([1, 2]);
  });

  test('makes an error of an answer that is not OK, and closes what came with it', async () => {
    const { daemon, connection } = await connected();
    const request = connection.request(FETCH, limits());
    const fd = new FakeFd();
    daemon.tell(Opcode.FETCH | ANSWER, daemon.serialOf(0), text('no buffer 1'), [fd], 5);
    await expect(request).rejects.toMatchObject({ code: 'NOT_FOUND', message: 'no buffer 1' });
    expect(fd.closed).toBe(true);
  });

  test('keeps what the socket does not take, in order, until it is writable', async () => {
    const { daemon, connection } = await connected();
    daemon.writable = false;
    const requests = [1, 2, 3].map(() => connection.request(FETCH, limits()));
    expect(daemon.sent).toHaveLength(0);
    daemon.becomeWritable();
    expect(daemon.sent.map(({ serial }) => serial)).toEqual([1, 2, 3]);
    connection.close();
    expect(await Promise.allSettled(requests)).toHaveLength(3);
  });

  test('does not send what was given up before it could be sent', async () => {
    const { daemon, connection } = await connected();
    daemon.writable = false;
    const controller = new AbortController();
    const request = connection.request(FETCH, limits({ signal: controller.signal }));
    controller.abort();
    await expect(request).rejects.toMatchObject({ code: 'CANCELLED' });
    daemon.becomeWritable();
    expect(daemon.sent).toHaveLength(0);
  });

  test('closes the fds of an answer that nobody waits for any more', async () => {
    const { daemon, connection } = await connected();
    const request = connection.request(FETCH, limits({ timeoutMs: 1 }));
    await expect(request).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    const fd = new FakeFd();
    daemon.tell(Opcode.FETCH | ANSWER, daemon.serialOf(0), new Uint8Array(24), [fd]);
    expect(fd.closed).toBe(true);
    expect(connection.endedBy).toBeNull();
  });

  test('tells of a late answer, so that what it brought can be given back', async () => {
    const { daemon, connection } = await connected();
    const late: number[] = [];
    const onLate = ({ payload }: { payload: Uint8Array }) => late.push(...payload);
    const request = connection.request({ ...FETCH, onLate }, limits({ timeoutMs: 1 }));
    await expect(request).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    daemon.tell(Opcode.FETCH | ANSWER, daemon.serialOf(0), Uint8Array.of(7));
    expect(late).toEqual([7]);
  });

  test('ends with everything pending when the daemon hangs up', async () => {
    const { daemon, connection } = await connected();
    const ended: string[] = [];
    connection.onEnded(({ name }) => ended.push(name));
    const request = connection.request(FETCH, limits());
    daemon.hangUp();
    await expect(request).rejects.toMatchObject({ name: 'ConnectionLostError' });
    await expect(connection.request(FETCH, limits())).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    });
    expect(ended).toEqual(['ConnectionLostError']);
  });

  test('ends when sending finds the daemon gone before the event loop does', async () => {
    const { daemon, connection } = await connected();
    daemon.failure = Object.assign(new Error('sendmsg: EPIPE'), { code: 'EPIPE' });
    await expect(connection.request(FETCH, limits())).rejects.toMatchObject({
      name: 'ConnectionLostError',
    });
    expect(connection.endedBy).not.toBeNull();
  });

  test('fails one request alone that cannot be sent', async () => {
    const { daemon, connection } = await connected();
    daemon.failure = Object.assign(new Error('sendmsg: EBADF'), { code: 'EBADF' });
    await expect(connection.request(FETCH, limits())).rejects.toMatchObject({ code: 'EBADF' });
    expect(connection.endedBy).toBeNull();
  });

  test('ends when the daemon breaks the protocol, and closes the fds of that datagram', async () => {
    const { daemon, connection } = await connected();
    const fd = new FakeFd();
    daemon.tellBytes(new Uint8Array(3), [fd]);
    expect(connection.endedBy?.message).toContain('a datagram of 3 bytes');
    expect(fd.closed).toBe(true);
    expect(daemon.closed).toBe(true);
  });
});
