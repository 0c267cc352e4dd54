import { type Broker, connect, type SharedBuffer } from '../../../client';
import addon, { Poll } from '../../../native';
import { ClientProcess } from '../../e2e/client-process';
import { DaemonProcess } from '../../e2e/daemon-process';
import { eventually } from '../../e2e/slowness';
import { fdinfo } from '../conformance/dma-bufs';
import { SYSTEM_HEAP } from '../conformance/kernel-call';
import { VgemDevice } from '../conformance/vgem-device';

const SIZE = 16384;
/** Long enough to be granted on an emulated machine, short of the 10 s after which vgem gives a fence up. */
const DEADLINE_MS = 3000;

describe('with real dma-bufs and a device that works on them', () => {
  let daemon: DaemonProcess;
  let broker: Broker;
  let device: VgemDevice;

  beforeAll(async () => {
    daemon = await DaemonProcess.start();
    broker = await connect({ runtimeDirectory: daemon.runtimeDirectory });
    device = await VgemDevice.open();
  });
  afterAll(async () => {
    await device?.[Symbol.asyncDispose]();
    await broker?.close();
    await daemon?.[Symbol.asyncDispose]();
  });

  test('every heap gives dma-bufs that can be sized, bracketed, fenced and named', async () => {
    const heaps = (await broker.heaps()).filter(({ memory }) => memory === 'dma-buf');
    expect(heaps.map(({ name }) => name).sort()).toEqual(['system', 'udmabuf']);
    for (const heap of heaps) {
      expect(heap.capabilities).toEqual(
        expect.arrayContaining(['size', 'sync', 'fences', 'names']),
      );
      await using buffer = await broker.allocate({
        heap: heap.name,
        sizeBytes: 5000,
        label: 'a frame',
      });
      expect(buffer.sizeBytes).toBe(8192);
      expect(await buffer.size()).toBe(8192);
      const fd = await buffer.fd();
      expect(addon.describeFd(fd)).toMatchObject({
        kind: 'dma-buf',
        inode: buffer.description.inode,
      });
      expect(fdinfo(fd).get('name')).toBe('a frame');
      await buffer.write(4000, Buffer.from('across the first page'));
      expect(Buffer.from(await buffer.read(4000, 21)).toString()).toBe('across the first page');
    }
  });

  test('the default heap is a dma-heap, and memfd only what is left', async () => {
    expect((await broker.heaps()).map(({ name, isDefault }) => [name, isDefault])).toEqual([
      ['system', true],
      ['udmabuf', false],
      ['memfd', false],
    ]);
  });

  test('a device’s buffer is adopted: its exporter, its size by the kernel, the same memory', async () => {
    const { fd } = await device.create(SIZE);
    using _fd = fd;
    await using adopted = await broker.adopt(fd, { label: 'gpu' });
    expect(adopted.description).toMatchObject({
      heap: 'drm',
      memory: 'dma-buf',
      origin: 'adopted',
      sizeBytes: SIZE,
    });
    expect(await adopted.size()).toBe(SIZE);
    await adopted.write(0, Buffer.from('drawn'));
    using mapping = addon.map(fd, SIZE, 'read-only');
    const bytes = new Uint8Array(5);
    mapping.read(0, bytes);
    expect(Buffer.from(bytes).toString()).toBe('drawn');
  });

  test('a dma-buf that only reads is leased for reading only', async () => {
    using fd = await addon.allocateFromDmaHeap(SYSTEM_HEAP, SIZE, { access: 'read-only' });
    await using adopted = await broker.adopt(fd);
    expect(adopted.description.access).toBe('read');
    await expect(adopted.write(0, Buffer.from('x'))).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
    });
    expect(await adopted.read(0, 4)).toEqual(new Uint8Array(4));
  });

  /** A buffer on which the device's work is outstanding. */
  async function busy(
    direction: 'read' | 'write',
  ): Promise<{ buffer: SharedBuffer; fence: number }> {
    const { handle, fd } = await device.create(SIZE);
    using _fd = fd;
    const buffer = await broker.adopt(fd);
    return { buffer, fence: await device.attach(handle, direction) };
  }

  test('an access waits for the device’s fence', async () => {
    const { buffer, fence } = await busy('write');
    await using _buffer = buffer;
    let began = false;
    const access = buffer.access('read', () => {
      began = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(began).toBe(false);
    await device.signal(fence);
    await access;
    expect(began).toBe(true);
  });

  test('the error at the deadline says that it waited for fences, and other buffers are served meanwhile', async () => {
    const { buffer, fence } = await busy('write');
    await using _buffer = buffer;
    const stuck = buffer.access('write', () => undefined, { timeoutMs: DEADLINE_MS });
    const refused = expect(stuck).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
      message: expect.stringMatching(
        /write access to buffer \d+ had waited \d+ ms for the fences of outstanding reads and writes by devices, which have been pending for \d+ ms/,
      ),
    });
    await using other = await broker.allocate({ sizeBytes: 4096 });
    await other.write(0, Buffer.from('not stuck'));
    await refused;
    await device.signal(fence);
    await buffer.write(0, Buffer.from('free again'));
  });

  test('a device that reads keeps a writer waiting, and no reader', async () => {
    const { buffer, fence } = await busy('read');
    await using _buffer = buffer;
    await buffer.read(0, 4);
    await expect(
      buffer.access('write', () => undefined, { timeoutMs: DEADLINE_MS }),
    ).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    await device.signal(fence);
  });

  test('fences cross fd.sock in both directions', async () => {
    const { buffer, fence } = await busy('write');
    await using _buffer = buffer;
    using syncFile = await buffer.exportFence('read');
    expect(addon.pollNow(syncFile, Poll.IN)).toBe(0);
    await using target = await broker.allocate({ sizeBytes: 4096 });
    await target.importFence('write', syncFile);
    const targetFd = await target.fd();
    expect(addon.pollNow(targetFd, Poll.IN)).toBe(0);
    await device.signal(fence);
    expect(addon.pollNow(syncFile, Poll.IN)).toBe(Poll.IN);
    expect(addon.pollNow(targetFd, Poll.IN)).toBe(Poll.IN);
  });

  test('a lease that is given back while its holder waits for a fence ends the wait', async () => {
    const before = await daemon.totals();
    const { buffer, fence } = await busy('write');
    const waiting = buffer.access('read', () => undefined);
    const ended = expect(waiting).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
    await buffer.release();
    await ended;
    await device.signal(fence);
    await daemon.settlesAt(before);
  });

  test('a client that dies while it waits for a fence leaves nothing', async () => {
    const before = await daemon.totals();
    const { handle, fd } = await device.create(SIZE);
    using _fd = fd;
    const buffer = await broker.adopt(fd);
    await buffer.share({ name: 'stuck/frame' });
    const client = await ClientProcess.start(daemon);
    await client.tell('open', { name: 'stuck/frame' });
    // Not before: a process takes long to start on an emulated machine.
    const fence = await device.attach(handle, 'write');
    const entering = client.tell('enter', { bufferId: buffer.id, mode: 'read' });
    const gone = expect(entering).rejects.toMatchObject({ code: 'GONE' });
    await eventually('it waits for the fence', async () => {
      const [entry] = (await buffer.describe()).cpuAccesses;
      return entry?.waitsForFences === true ? true : undefined;
    });
    await client.kill();
    await gone;
    await eventually('nobody waits', async () =>
      (await daemon.totals()).waiters === 0 ? true : undefined,
    );
    await buffer.release();
    await device.signal(fence);
    await daemon.settlesAt(before);
  });
});
