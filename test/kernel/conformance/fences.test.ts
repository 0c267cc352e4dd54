import addon, { type Fd, Poll } from '../../../native';
import { EXPORTERS, HEAPS } from './dma-bufs';
import { kernelCallOn, PAGE, SYSTEM_HEAP } from './kernel-call';
import { VgemDevice } from './vgem-device';

const READ = 1;
const WRITE = 2;
const RW = 3;
const START = 0;
const END = 4;

/** Whether the buffer can be read (no write outstanding) and written (nothing outstanding) now. */
function idle(fd: Fd): { read: boolean; write: boolean } {
  return { read: addon.pollNow(fd, Poll.IN) !== 0, write: addon.pollNow(fd, Poll.OUT) !== 0 };
}

function signalled(syncFile: Fd): boolean {
  return addon.pollNow(syncFile, Poll.IN) !== 0;
}

function whenReady(fd: Fd, direction: 'readable' | 'writable'): Promise<void> {
  return new Promise((resolve) => addon.watchFd(fd, direction, resolve));
}

describe.each(EXPORTERS)('a dma-buf of $name without fences', ({ allocate }) => {
  it('is idle in both directions', async () => {
    using fd = await allocate(PAGE);
    expect(idle(fd)).toEqual({ read: true, write: true });
  });

  it('exports a sync_file that is signalled already', async () => {
    using fd = await allocate(PAGE);
    for (const flags of [READ, WRITE, READ | WRITE]) {
      using fence = addon.exportSyncFile(fd, flags);
      expect(addon.describeFd(fence).kind).toBe('sync-file');
      expect(signalled(fence)).toBe(true);
    }
  });

  it('exports and imports in the direction READ, WRITE or both, and nothing else', async () => {
    using fd = await allocate(PAGE);
    using fence = addon.exportSyncFile(fd, READ);
    for (const flags of [0, 4, 8 | READ]) {
      expect(() => addon.exportSyncFile(fd, flags)).toThrow(
        expect.objectContaining({ code: 'EINVAL' }),
      );
      expect(() => addon.importSyncFile(fd, flags, fence)).toThrow(
        expect.objectContaining({ code: 'EINVAL' }),
      );
    }
  });

  it('imports nothing that is no sync_file', async () => {
    using fd = await allocate(PAGE);
    expect(() => addon.importSyncFile(fd, READ, fd)).toThrow(
      expect.objectContaining({ code: 'EINVAL' }),
    );
  });
});

it('a memfd knows none of this: ENOTTY', async () => {
  using memfd = await addon.createMemfd('no dma-buf', PAGE);
  using buffer = await addon.allocateFromDmaHeap(SYSTEM_HEAP, PAGE);
  using fence = addon.exportSyncFile(buffer, READ);
  expect(() => addon.exportSyncFile(memfd, READ)).toThrow(
    expect.objectContaining({ code: 'ENOTTY' }),
  );
  expect(() => addon.importSyncFile(memfd, READ, fence)).toThrow(
    expect.objectContaining({ code: 'ENOTTY' }),
  );
  await expect(addon.syncDmaBuf(memfd, START | READ)).rejects.toMatchObject({ code: 'ENOTTY' });
});

describe('a fence of a device that writes', () => {
  it('keeps readers and writers waiting until it is signalled', async () => {
    await using device = await VgemDevice.open();
    const { handle, fd } = await device.create(PAGE);
    using _fd = fd;
    const fence = await device.attach(handle, 'write');
    expect(idle(fd)).toEqual({ read: false, write: false });
    const readable = whenReady(fd, 'readable');
    const writable = whenReady(fd, 'writable');
    await device.signal(fence);
    await Promise.all([readable, writable]);
    expect(idle(fd)).toEqual({ read: true, write: true });
  });
});

describe('a fence of a device that reads', () => {
  it('keeps only writers waiting', async () => {
    await using device = await VgemDevice.open();
    const { handle, fd } = await device.create(PAGE);
    using _fd = fd;
    const fence = await device.attach(handle, 'read');
    expect(idle(fd)).toEqual({ read: true, write: false });
    await addon.syncDmaBuf(fd, START | READ);
    await addon.syncDmaBuf(fd, END | READ);
    await device.signal(fence);
    expect(idle(fd)).toEqual({ read: true, write: true });
  });
});

describe('SYNC START', () => {
  it('waits for the fence, for as long as it takes, off the event loop', async () => {
    await using device = await VgemDevice.open();
    const { handle, fd } = await device.create(PAGE);
    using _fd = fd;
    const fence = await device.attach(handle, 'write');
    let began = false;
    const start = addon.syncDmaBuf(fd, START | READ).then(() => {
      began = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(began).toBe(false);
    await device.signal(fence);
    await start;
    await addon.syncDmaBuf(fd, END | READ);
  });

  it('is interrupted by a signal while it waits for a fence', async () => {
    await using device = await VgemDevice.open();
    const { handle, fd } = await device.create(PAGE);
    using _fd = fd;
    const fence = await device.attach(handle, 'write');
    expect(kernelCallOn(fd, 'interrupted-start', READ)).toBe('EINTR');
    await device.signal(fence);
    expect(kernelCallOn(fd, 'interrupted-start', READ)).toBe('ok');
  });

  it('by beginSync begins nothing while there are fences in its way, and does not wait for them', async () => {
    await using device = await VgemDevice.open();
    const { handle, fd } = await device.create(PAGE);
    using _fd = fd;
    const reading = await device.attach(handle, 'read');
    expect(await addon.beginSync(fd, WRITE)).toBe(false);
    expect(await addon.beginSync(fd, READ)).toBe(true);
    await addon.syncDmaBuf(fd, END | READ);
    await device.signal(reading);
    const writing = await device.attach(handle, 'write');
    expect(await addon.beginSync(fd, READ)).toBe(false);
    await device.signal(writing);
    expect(await addon.beginSync(fd, RW)).toBe(true);
    await addon.syncDmaBuf(fd, END | RW);
  });

  it('ends when vgem gives its fence up, after 10 s', async () => {
    await using device = await VgemDevice.open();
    const { handle, fd } = await device.create(PAGE);
    using _fd = fd;
    const before = Date.now();
    await device.attach(handle, 'write');
    await addon.syncDmaBuf(fd, START | READ);
    await addon.syncDmaBuf(fd, END | READ);
    expect(Date.now() - before).toBeGreaterThan(8000);
  });
});

describe('an exported sync_file', () => {
  it('is a snapshot: fences that come later are not in it', async () => {
    await using device = await VgemDevice.open();
    const { handle, fd } = await device.create(PAGE);
    using _fd = fd;
    using before = addon.exportSyncFile(fd, READ);
    const fence = await device.attach(handle, 'write');
    using after = addon.exportSyncFile(fd, READ);
    expect([signalled(before), signalled(after)]).toEqual([true, false]);
    await device.signal(fence);
    expect(signalled(after)).toBe(true);
  });
});

describe.each(HEAPS)('a sync_file that is imported into a buffer of $name', ({ allocate }) => {
  /** A sync_file of a device's work that goes on, and how to end it. */
  async function working(
    device: VgemDevice,
  ): Promise<{ syncFile: Fd; finish: () => Promise<void> }> {
    const { handle, fd } = await device.create(PAGE);
    using _fd = fd;
    const fence = await device.attach(handle, 'write');
    return { syncFile: addon.exportSyncFile(fd, READ | WRITE), finish: () => device.signal(fence) };
  }

  it('for READ blocks only writers', async () => {
    await using device = await VgemDevice.open();
    const { syncFile, finish } = await working(device);
    using _syncFile = syncFile;
    using fd = await allocate(PAGE);
    addon.importSyncFile(fd, READ, syncFile);
    expect(idle(fd)).toEqual({ read: true, write: false });
    await finish();
    expect(idle(fd)).toEqual({ read: true, write: true });
  });

  it('for WRITE blocks everybody', async () => {
    await using device = await VgemDevice.open();
    const { syncFile, finish } = await working(device);
    using _syncFile = syncFile;
    using fd = await allocate(PAGE);
    addon.importSyncFile(fd, WRITE, syncFile);
    expect(idle(fd)).toEqual({ read: false, write: false });
    await finish();
    expect(idle(fd)).toEqual({ read: true, write: true });
  });
});

it('any holder of an fd may put a fence on the buffer, also of a read-only one', async () => {
  await using device = await VgemDevice.open();
  const { handle, fd } = await device.create(PAGE);
  using _fd = fd;
  const fence = await device.attach(handle, 'write');
  using syncFile = addon.exportSyncFile(fd, READ);
  using readOnly = await addon.allocateFromDmaHeap(SYSTEM_HEAP, PAGE, { access: 'read-only' });
  addon.importSyncFile(readOnly, WRITE, syncFile);
  expect(idle(readOnly)).toEqual({ read: false, write: false });
  await device.signal(fence);
  await addon.syncDmaBuf(readOnly, START | WRITE);
  await addon.syncDmaBuf(readOnly, END | WRITE);
});
