import { execFileSync } from 'node:child_process';
import addon, { type Fd } from '../../../native';
import { EXPORTERS, isCloexec } from './dma-bufs';
import { kernelCall, O_CLOEXEC, O_RDWR, PAGE, SYSTEM_HEAP } from './kernel-call';
import { VgemDevice } from './vgem-device';

describe.each(EXPORTERS)('an fd of a dma-buf of $name', ({ allocate }) => {
  it('is close-on-exec from birth, and so are its duplicates and sync_files', async () => {
    using fd = await allocate(PAGE);
    expect(isCloexec(fd)).toBe(true);
    using copy = fd.duplicate();
    expect(isCloexec(copy)).toBe(true);
    using fence = addon.exportSyncFile(fd, 1);
    expect(isCloexec(fence)).toBe(true);
  });

  it('is not there in a program that is executed', async () => {
    using fd = await allocate(PAGE);
    const open = execFileSync('ls', ['-l', '/proc/self/fd'], { encoding: 'utf8' });
    expect(open).not.toContain('dmabuf');
    expect(fd.closed).toBe(false);
  });
});

describe('the caller decides, where the kernel lets one', () => {
  it('for the dma-heap: by O_CLOEXEC in fd_flags', () => {
    expect(kernelCall('heap', SYSTEM_HEAP, PAGE, 0, O_RDWR | O_CLOEXEC, 0)).toBe(
      'ok O_RDWR CLOEXEC 4096',
    );
    expect(kernelCall('heap', SYSTEM_HEAP, PAGE, 0, O_RDWR, 0)).toBe('ok O_RDWR - 4096');
  });

  it('for udmabuf: by UDMABUF_FLAGS_CLOEXEC', () => {
    expect(kernelCall('udmabuf', 2, PAGE, 0, PAGE, 1)).toBe('ok O_RDWR CLOEXEC 4096');
    expect(kernelCall('udmabuf', 2, PAGE, 0, PAGE, 0)).toBe('ok O_RDWR - 4096');
  });

  it('and the addon passes the choice on', async () => {
    for (const allocated of [
      addon.allocateFromDmaHeap(SYSTEM_HEAP, PAGE, { cloexec: false }),
      addon.createUdmabuf(PAGE, { cloexec: false }),
    ]) {
      using fd: Fd = await allocated;
      expect(isCloexec(fd)).toBe(false);
    }
  });
});

it('an fd that is received from another process is close-on-exec', async () => {
  await using device = await VgemDevice.open();
  using fd = (await device.create(PAGE)).fd;
  expect(isCloexec(fd)).toBe(true);
});

it('a pidfd always is', () => {
  using pidfd = addon.openPidfd(process.pid);
  expect(isCloexec(pidfd)).toBe(true);
});
