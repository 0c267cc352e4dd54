import { type Broker, connect, type SharedBuffer } from '../../../client';
import addon, { type Fd, Poll } from '../../../native';
import { DaemonProcess } from '../../e2e/daemon-process';
import { patience } from '../../e2e/slowness';
import { VgemDevice } from '../conformance/vgem-device';

const SIZE = 4096;
/** Long enough for a call of an emulated machine, short of the 10 s after which vgem gives a fence up. */
const BUSY_AFTER_MS = 1500;

/** A device's work that goes on until it is finished. */
interface Work {
  readonly syncFile: Fd;
  finish(): Promise<void>;
}

describe.each([
  ['by the daemon', false],
  ['on the client’s own fd', true],
])('fences %s', (_how, direct) => {
  let daemon: DaemonProcess;
  let broker: Broker;
  let device: VgemDevice;
  let buffer: SharedBuffer;
  const open: Fd[] = [];

  beforeAll(async () => {
    daemon = await DaemonProcess.start();
    broker = await connect({ runtimeDirectory: daemon.runtimeDirectory, timeoutMs: patience() });
    device = await VgemDevice.open();
  });
  afterAll(async () => {
    await device?.[Symbol.asyncDispose]();
    await broker?.close();
    await daemon?.[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    buffer = await broker.allocate({ sizeBytes: SIZE });
  });
  afterEach(async () => {
    for (const fd of open.splice(0)) fd.close();
    await buffer?.release();
  });

  async function work(direction: 'read' | 'write' = 'write'): Promise<Work> {
    const { handle, fd } = await device.create(SIZE);
    using _fd = fd;
    const fence = await device.attach(handle, direction);
    const syncFile = addon.exportSyncFile(fd, 3);
    open.push(syncFile);
    return { syncFile, finish: () => device.signal(fence) };
  }

  async function exported(mode: 'read' | 'write'): Promise<Fd> {
    const fence = await buffer.exportFence(mode, { direct });
    open.push(fence);
    return fence;
  }

  const isSignalled = (syncFile: Fd) => addon.pollNow(syncFile, Poll.IN) !== 0;

  /** What a wait says, which must be what poll(2) says of the client's own fd. */
  async function isIdle(mode: 'read' | 'write'): Promise<boolean> {
    const polled = addon.pollNow(await buffer.fd(), mode === 'read' ? Poll.IN : Poll.OUT) !== 0;
    const timeoutMs = polled ? patience() : BUSY_AFTER_MS;
    const waited = await buffer.waitForFences(mode, { direct, timeoutMs }).then(
      () => true,
      (error: unknown) => {
        expect(error).toMatchObject({ code: 'DEADLINE_EXCEEDED' });
        return false;
      },
    );
    expect(waited).toBe(polled);
    return waited;
  }

  test('are none on a new buffer: it is idle, and what it exports has signalled', async () => {
    expect(await isIdle('read')).toBe(true);
    expect(await isIdle('write')).toBe(true);
    for (const mode of ['read', 'write'] as const)
      expect(isSignalled(await exported(mode))).toBe(true);
  });

  test('that come in as of a device that writes keep readers and writers waiting', async () => {
    const { syncFile, finish } = await work();
    await buffer.importFence('write', syncFile, { direct });
    expect(await isIdle('read')).toBe(false);
    await finish();
    expect(await isIdle('write')).toBe(true);
  });

  test('that come in as of a device that reads keep only writers waiting', async () => {
    const { syncFile, finish } = await work();
    await buffer.importFence('read', syncFile, { direct });
    expect(await isIdle('read')).toBe(true);
    expect(await isIdle('write')).toBe(false);
    await finish();
    expect(await isIdle('write')).toBe(true);
  });

  test('come out as those that a reader, or a writer, would have to wait for', async () => {
    const { syncFile, finish } = await work();
    await buffer.importFence('read', syncFile, { direct });
    const [forReader, forWriter] = [await exported('read'), await exported('write')];
    expect([isSignalled(forReader), isSignalled(forWriter)]).toEqual([true, false]);
    await finish();
    expect(isSignalled(forWriter)).toBe(true);
  });

  test('that come in as of a device that reads and writes keep everybody waiting', async () => {
    const { syncFile, finish } = await work('read');
    await buffer.importFence('read-write', syncFile, { direct });
    expect(await isIdle('read')).toBe(false);
    await finish();
    expect(await isIdle('write')).toBe(true);
  });

  test('of several that read come out as one sync_file, which signals with the last', async () => {
    const works = [await work(), await work()] as const;
    for (const { syncFile } of works) await buffer.importFence('read', syncFile, { direct });
    const merged = await exported('write');
    await works[0].finish();
    expect(isSignalled(merged)).toBe(false);
    await works[1].finish();
    expect(isSignalled(merged)).toBe(true);
  });

  test('are waited for no longer once the caller gives up, and the next waits for them still', async () => {
    const { syncFile, finish } = await work();
    await buffer.importFence('write', syncFile, { direct });
    const controller = new AbortController();
    const { signal } = controller;
    const waiting = expect(buffer.waitForFences('read', { direct, signal })).rejects.toMatchObject({
      code: 'CANCELLED',
    });
    controller.abort();
    await waiting;
    expect(await isIdle('read')).toBe(false);
    await finish();
    expect(await isIdle('read')).toBe(true);
  });

  test('come out as a snapshot: what comes later is not in it', async () => {
    const first = await work();
    await buffer.importFence('write', first.syncFile, { direct });
    const snapshot = await exported('read');
    const second = await work();
    await buffer.importFence('write', second.syncFile, { direct });
    await first.finish();
    expect(isSignalled(snapshot)).toBe(true);
    expect(isSignalled(await exported('read'))).toBe(false);
    await second.finish();
  });

  test('are waited for until the last of several has signalled', async () => {
    const [first, second] = [await work(), await work()];
    await buffer.importFence('write', first.syncFile, { direct });
    await buffer.importFence('write', second.syncFile, { direct });
    let isOver = false;
    const waiting = buffer.waitForFences('read', { direct, timeoutMs: patience() }).then(() => {
      isOver = true;
    });
    await first.finish();
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(isOver).toBe(false);
    await second.finish();
    await waiting;
  });

  test('are waited for by an access, too', async () => {
    const { syncFile, finish } = await work();
    await buffer.importFence('write', syncFile, { direct });
    let began = false;
    const access = buffer.access(
      'read',
      () => {
        began = true;
      },
      { arbitrated: !direct, timeoutMs: patience() },
    );
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(began).toBe(false);
    await finish();
    await access;
  });

  test('are refused when they are none', async () => {
    using memfd = await addon.createMemfd('no fence', SIZE);
    await expect(buffer.importFence('read', memfd, { direct })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
  });
});
