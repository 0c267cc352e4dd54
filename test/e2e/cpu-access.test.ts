import { type Broker, ConnectionLostError, connect, type SharedBuffer } from '../../client';
import { ClientProcess } from './client-process';
import { DaemonProcess } from './daemon-process';
import { eventually, patience } from './slowness';

const SIZE = 4096;

describe('CPU access', () => {
  let daemon: DaemonProcess;
  let broker: Broker;
  let buffer: SharedBuffer;
  let names = 0;

  beforeAll(async () => {
    daemon = await DaemonProcess.start();
  });
  afterAll(() => daemon?.[Symbol.asyncDispose]());

  beforeEach(async () => {
    broker = await connect({ runtimeDirectory: daemon.runtimeDirectory });
    buffer = await broker.allocate({ sizeBytes: SIZE });
  });
  afterEach(() => broker.close());

  async function openedElsewhere(): Promise<ClientProcess> {
    const client = await ClientProcess.start(daemon);
    names += 1;
    const name = `access/${names}`;
    await buffer.share({ name });
    await client.tell('open', { name });
    return client;
  }

  const accesses = async () => (await buffer.describe()).cpuAccesses;

  test('lets readers in together and keeps a writer out until they have left', async () => {
    await using first = await openedElsewhere();
    await using second = await openedElsewhere();
    await using writer = await openedElsewhere();
    const reading = { bufferId: buffer.id, mode: 'read' } as const;
    await first.tell('enter', reading);
    await second.tell('enter', reading);
    const entered = writer.tell('enter', { bufferId: buffer.id, mode: 'write' });
    await eventually('the writer waits', async () =>
      (await accesses()).length === 3 ? true : undefined,
    );
    expect(await accesses()).toMatchObject([
      { writes: false, held: true },
      { writes: false, held: true },
      { writes: true, held: false, sessionId: writer.sessionId, peer: { pid: writer.pid } },
    ]);
    await first.tell('leave', reading);
    expect(await accesses()).toHaveLength(2);
    await second.tell('leave', reading);
    await entered;
    expect(await accesses()).toMatchObject([{ writes: true, held: true }]);
    await expect(buffer.read(0, 1, { timeoutMs: 200 })).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
    });
    await writer.tell('leave', reading);
    expect(await accesses()).toEqual([]);
  });

  test('says at the deadline who it waited for', async () => {
    await using writer = await openedElsewhere();
    await writer.tell('enter', { bufferId: buffer.id, mode: 'write' });
    await expect(buffer.read(0, 1, { timeoutMs: 1000 })).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
      message: expect.stringContaining(String(writer.pid)),
    });
    expect(await accesses()).toHaveLength(1);
  });

  test('is given up at once when its signal aborts', async () => {
    await using writer = await openedElsewhere();
    await writer.tell('enter', { bufferId: buffer.id, mode: 'write' });
    const controller = new AbortController();
    const reading = buffer.read(0, 1, { signal: controller.signal });
    await eventually('the reader waits', async () =>
      (await accesses()).length === 2 ? true : undefined,
    );
    controller.abort(new Error('the user closed the window'));
    await expect(reading).rejects.toMatchObject({
      code: 'CANCELLED',
      cause: { message: 'the user closed the window' },
    });
    await eventually('the reader left the queue', async () =>
      (await accesses()).length === 1 ? true : undefined,
    );
  });

  test('ends when the callback throws, with its error', async () => {
    await using other = await openedElsewhere();
    const failing = buffer.access('write', () => {
      throw new RangeError('a bug in the application');
    });
    await expect(failing).rejects.toThrow(RangeError);
    expect(await accesses()).toEqual([]);
    await other.tell('write', { bufferId: buffer.id, offset: 0, text: 'free' });
  });

  test('ends when the callback’s promise rejects, and when its signal aborts inside', async () => {
    await expect(buffer.access('read', () => Promise.reject(new Error('later')))).rejects.toThrow(
      'later',
    );
    const controller = new AbortController();
    const endless = buffer.access(
      'write',
      () => {
        controller.abort();
        return new Promise<never>(() => {});
      },
      { signal: controller.signal },
    );
    await expect(endless).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(await accesses()).toEqual([]);
  });

  test('ends when the callback itself aborts the signal, whatever it returns', async () => {
    const unheard: unknown[] = [];
    const onUnheard = (error: unknown) => unheard.push(error);
    process.on('unhandledRejection', onUnheard);
    const results = [() => 'done', () => Promise.reject(new Error('too late'))];
    for (const result of results) {
      const controller = new AbortController();
      const access = buffer.access(
        'write',
        () => {
          controller.abort();
          return result();
        },
        { signal: controller.signal },
      );
      await expect(access).rejects.toMatchObject({ code: 'CANCELLED' });
      expect(await accesses()).toEqual([]);
    }
    process.off('unhandledRejection', onUnheard);
    expect(unheard).toEqual([]);
  });

  test('detaches a view that is kept', async () => {
    let kept: Uint8Array = new Uint8Array();
    await buffer.access('write', (view) => {
      kept = view;
      view[0] = 42;
      expect(view.length).toBe(SIZE);
    });
    expect(kept.length).toBe(0);
    expect(kept[0]).toBeUndefined();
    expect(() => new Uint8Array(kept.buffer)).toThrow();
    expect((await buffer.read(0, 1))[0]).toBe(42);
  });

  test('of one process to one buffer queues up and never mixes', async () => {
    let inside = 0;
    const runs = Array.from({ length: 5 }, () =>
      buffer.access('read-write', async (view) => {
        inside += 1;
        expect(inside).toBe(1);
        const before = view[0] ?? 0;
        await new Promise((resolve) => setImmediate(resolve));
        view[0] = before + 1;
        inside -= 1;
      }),
    );
    await Promise.all(runs);
    expect((await buffer.read(0, 1))[0]).toBe(5);
  });

  test('ends with the session of a client that closes in the middle of it', async () => {
    const other = await openedElsewhere();
    await other.tell('enter', { bufferId: buffer.id, mode: 'write' });
    const write = buffer.write(0, Buffer.from('next'));
    await other.kill();
    await write;
  });

  test('that is waited for is given up when its own process closes, and none can be asked for any more', async () => {
    await using other = await openedElsewhere();
    await other.tell('enter', { bufferId: buffer.id, mode: 'write' });
    const waiting = buffer.access('read', () => {});
    await eventually('it waits', async () => ((await accesses()).length === 2 ? true : undefined));
    await broker.close();
    await expect(waiting).rejects.toBeInstanceOf(ConnectionLostError);
    await expect(waiting).rejects.toThrow('closed by this process');
    await expect(buffer.access('read', () => {})).rejects.toMatchObject({
      code: expect.stringMatching('FAILED_PRECONDITION|UNAVAILABLE'),
    });
    await other.tell('leave', { bufferId: buffer.id });
  });

  test('without the daemon’s arbitration is coherent and does not exclude', async () => {
    await using writer = await openedElsewhere();
    await writer.tell('write', { bufferId: buffer.id, offset: 0, text: 'direct' });
    await writer.tell('enter', { bufferId: buffer.id, mode: 'write' });
    const bytes = await buffer.read(0, 6, { arbitrated: false });
    expect(Buffer.from(bytes).toString()).toBe('direct');
    await buffer.write(0, Buffer.from('DIRECT'), { arbitrated: false });
    await writer.tell('leave', { bufferId: buffer.id });
    const read = await writer.tell('read', { bufferId: buffer.id, offset: 0, length: 6 });
    expect(read).toBe('DIRECT');
  });

  test('refuses bytes outside of the buffer, and a buffer that was released', async () => {
    await expect(buffer.read(SIZE, 1)).rejects.toMatchObject({
      code: 'OUT_OF_RANGE',
      message: `offset ${SIZE}, length 1: the buffer has ${SIZE} bytes`,
    });
    await buffer.release();
    await expect(buffer.read(0, 1)).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
  });

  test('under way ends when the buffer is released', async () => {
    let inside = () => {};
    const entered = new Promise<void>((resolve) => {
      inside = resolve;
    });
    const endless = buffer.access('write', () => {
      inside();
      return new Promise<never>(() => {});
    });
    const ended = expect(endless).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
    await entered;
    await buffer.release();
    await ended;
  });

  /** A write access of another broker that never ends by itself, and the view that it has. */
  async function insideElsewhere(other: Broker, name: string) {
    const theirs = await other.open({ name });
    let kept: Uint8Array = new Uint8Array();
    let inside = () => {};
    const entered = new Promise<void>((resolve) => {
      inside = resolve;
    });
    const endless = theirs.access('write', (view) => {
      kept = view;
      inside();
      return new Promise<never>(() => {});
    });
    const ended = endless.then(
      () => null,
      (error: unknown) => error,
    );
    await entered;
    return { theirs, ended, length: () => kept.length };
  }

  test('under way ends when the lease is revoked: before the next one is in, its view is detached', async () => {
    await using other = await connect({ runtimeDirectory: daemon.runtimeDirectory });
    const revoked: number[] = [];
    other.on('revoked', ({ id }) => revoked.push(id));
    const share = await buffer.share({ name: 'access/revoked' });
    const { theirs, ended, length } = await insideElsewhere(other, 'access/revoked');
    expect(length()).toBe(SIZE);
    await share.revoke({ revokeLeases: true });
    const gone = {
      code: 'FAILED_PRECONDITION',
      message: expect.stringMatching(/the lease on buffer \d+ was revoked by whoever granted it/),
    };
    expect(await ended).toMatchObject(gone);
    expect(length()).toBe(0);
    expect(revoked).toEqual([buffer.id]);
    await buffer.write(0, Buffer.from('mine again'));
    await expect(theirs.read(0, 1)).rejects.toMatchObject(gone);
    await theirs.release();
  });

  test('under way ends with its session, which keeps nobody out any more', async () => {
    await using shortLived = await DaemonProcess.start();
    const { runtimeDirectory } = shortLived;
    await using owner = await connect({ runtimeDirectory });
    await using other = await connect({ runtimeDirectory });
    const shared = await owner.allocate({ sizeBytes: SIZE });
    await shared.share({ name: 'access/lost' });
    const { ended, length } = await insideElsewhere(other, 'access/lost');
    await shortLived.kill();
    expect(await ended).toMatchObject({ name: 'ConnectionLostError' });
    expect(length()).toBe(0);
  });

  test('with a mode or a callback that is none is refused in words of the SDK, also without the daemon', async () => {
    const callback = () => {};
    for (const arbitrated of [true, false]) {
      // @ts-expect-error What a program in JavaScript may say.
      await expect(buffer.access('rw', callback, { arbitrated })).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
        message: 'mode: rw: must be one of read, write, read-write',
      });
      // @ts-expect-error The same.
      await expect(buffer.access('write', undefined, { arbitrated })).rejects.toMatchObject({
        code: 'INVALID_ARGUMENT',
        message: 'callback: undefined: must be a function',
      });
    }
    expect(await accesses()).toEqual([]);
  });

  test('is waited for as long as was said, and the daemon still says why', async () => {
    await using other = await connect({ runtimeDirectory: daemon.runtimeDirectory });
    await buffer.share({ name: 'access/patient' });
    await insideElsewhere(other, 'access/patient');
    const timeoutMs = patience(1000);
    const before = performance.now();
    await expect(buffer.read(0, 1, { timeoutMs })).rejects.toMatchObject({
      message: expect.stringMatching(/had waited \d+ ms for its turn: session \d+ .* writes$/),
    });
    expect(performance.now() - before).toBeGreaterThanOrEqual(timeoutMs - 10);
  });

  test('that is waited for too long is told of: to those who watch, and in the log', async () => {
    await using impatient = await DaemonProcess.start('--slow-wait-ms', '50');
    const { runtimeDirectory } = impatient;
    await using owner = await connect({ runtimeDirectory });
    await using other = await connect({ runtimeDirectory });
    const shared = await owner.allocate({ sizeBytes: SIZE });
    await shared.share({ name: 'access/slow' });
    await insideElsewhere(other, 'access/slow');
    await using events = await owner.watch();
    const timeoutMs = patience(500);
    const waiting = expect(shared.read(0, 1, { timeoutMs })).rejects.toThrow('had waited');
    const { type, ...delay } = await events.find((event) => event.type === 'cpu-access-delayed');
    const obstacle = `its turn: session ${other.sessionId} of pid ${process.pid}`;
    expect(delay).toMatchObject({
      bufferId: shared.id,
      sessionId: owner.sessionId,
      writes: false,
      obstacle: expect.stringContaining(obstacle),
    });
    expect(impatient.log).toContain('a CPU access is waited for');
    await waiting;
  });
});
