import { readdirSync } from 'node:fs';
import { type Broker, connect } from '../../client';
import { DaemonProcess } from './daemon-process';

const SIZE = 4096;

describe('a lease', () => {
  let daemon: DaemonProcess;
  let owner: Broker;
  let user: Broker;

  beforeAll(async () => {
    daemon = await DaemonProcess.start();
  });
  afterAll(() => daemon?.[Symbol.asyncDispose]());

  beforeEach(async () => {
    owner = await connect({ runtimeDirectory: daemon.runtimeDirectory });
    user = await connect({ runtimeDirectory: daemon.runtimeDirectory });
  });
  afterEach(async () => {
    await owner.close();
    await user.close();
  });

  test('is one however often the buffer is opened, and ends with the last release', async () => {
    const buffer = await owner.allocate({ sizeBytes: SIZE });
    const { secret } = await buffer.share();
    const by = { secret: secret ?? new Uint8Array() };
    const first = await user.open(by);
    const second = await user.open(by);
    const leases = async () => (await buffer.describe()).leases.length;
    expect(await leases()).toBe(2);
    await first.release();
    await first.release();
    await expect(first.read(0, 1)).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
    await second.write(0, Buffer.from('still mine'));
    expect(await leases()).toBe(2);
    await second.release();
    expect(await leases()).toBe(1);
  });

  test('for reading becomes one for writing when it is opened so, mapped or not', async () => {
    const buffer = await owner.allocate({ sizeBytes: SIZE });
    await buffer.share({ name: 'narrow', access: 'read' });
    await buffer.share({ name: 'wide' });
    const narrow = await user.open({ name: 'narrow' });
    await buffer.write(0, Buffer.from('seen'));
    expect(Buffer.from(await narrow.read(0, 4)).toString()).toBe('seen');
    await expect(narrow.write(0, Buffer.from('no'))).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
    });
    const wide = await user.open({ name: 'wide' });
    await wide.write(0, Buffer.from('done'));
    expect(Buffer.from(await buffer.read(0, 4)).toString()).toBe('done');
  });

  test('leaves no fd in its process when it is released or its broker is closed', async () => {
    const openFds = () => readdirSync('/proc/self/fd').length;
    await owner.heaps();
    const before = openFds();
    const released = await owner.allocate({ sizeBytes: SIZE });
    await owner.allocate({ sizeBytes: SIZE });
    await released.write(0, Buffer.from('x'));
    const fd = await released.fd();
    await released.release();
    expect(fd.closed).toBe(true);
    expect(openFds()).toBe(before);
  });

  test('ends with its broker: fds are closed and views detached', async () => {
    const buffer = await owner.allocate({ sizeBytes: SIZE });
    const fd = await buffer.fd();
    let view: Uint8Array = new Uint8Array();
    const endless = buffer.access('write', (given) => {
      view = given;
      return new Promise<never>(() => {});
    });
    const ended = expect(endless).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
    while (view.length === 0) await new Promise((resolve) => setImmediate(resolve));
    await owner.close();
    await ended;
    expect(view.length).toBe(0);
    expect(fd.closed).toBe(true);
    await expect(buffer.read(0, 1)).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
    await expect(owner.heaps()).rejects.toThrow('the broker has been closed');
  });

  test('tells the size that the kernel tells now', async () => {
    const buffer = await owner.allocate({ sizeBytes: SIZE + 1 });
    expect(buffer.sizeBytes).toBe(2 * SIZE);
    expect(await buffer.size()).toBe(2 * SIZE);
    expect(await owner.list()).toMatchObject([{ id: buffer.id, sizeBytes: 2 * SIZE }]);
  });
});
