import { readFileSync } from 'node:fs';
import addon from '../../../native';
import { kernelCall, PAGE } from './kernel-call';

const SEAL_SHRINK = 2;
const SEAL_WRITE = 8;
const SEAL_FUTURE_WRITE = 16;
const MIB = 2 ** 20;

const create = (seals: number, memfdSize = PAGE, offset = 0, size = PAGE): string =>
  kernelCall('udmabuf', seals, memfdSize, offset, size, 1);

function parameter(name: string): number {
  return Number(readFileSync(`/sys/module/udmabuf/parameters/${name}`, 'utf8'));
}

describe('UDMABUF_CREATE', () => {
  it('needs a memfd that is sealed against shrinking', () => {
    expect(create(SEAL_SHRINK)).toBe('ok O_RDWR CLOEXEC 4096');
    expect(create(0)).toBe('EINVAL');
  });

  it('refuses one that is sealed against writing', () => {
    expect(create(SEAL_SHRINK | SEAL_WRITE)).toBe('EINVAL');
  });

  it('refuses one that is sealed against future writing (Linux 6.12.2 and later)', () => {
    expect(create(SEAL_SHRINK | SEAL_FUTURE_WRITE)).toBe('EINVAL');
  });

  it('needs an offset and a size of whole pages, within the memfd', () => {
    expect(create(SEAL_SHRINK, 2 * PAGE, PAGE, PAGE)).toBe('ok O_RDWR CLOEXEC 4096');
    expect(create(SEAL_SHRINK, 2 * PAGE, 1, PAGE)).toBe('EINVAL');
    expect(create(SEAL_SHRINK, 2 * PAGE, 0, PAGE + 1)).toBe('EINVAL');
    expect(create(SEAL_SHRINK, PAGE, PAGE, PAGE)).toBe('EINVAL');
    expect(create(SEAL_SHRINK, PAGE, 0, 0)).toBe('EINVAL');
  });

  it('is limited by the parameters of its module', () => {
    expect(parameter('size_limit_mb')).toBe(64);
    expect(parameter('list_limit')).toBe(1024);
    expect(create(SEAL_SHRINK, 64 * MIB, 0, 64 * MIB)).toBe(`ok O_RDWR CLOEXEC ${64 * MIB}`);
    expect(create(SEAL_SHRINK, 64 * MIB + PAGE, 0, 64 * MIB + PAGE)).toBe('EINVAL');
  });
});

describe('a udmabuf', () => {
  const [PROT_READ, PROT_WRITE, MAP_SHARED, MAP_PRIVATE] = [1, 2, 1, 2];

  it('is mapped shared, and not private', () => {
    expect(kernelCall('mmap-udmabuf', PROT_READ | PROT_WRITE, MAP_SHARED)).toBe('ok');
    expect(kernelCall('mmap-udmabuf', PROT_READ | PROT_WRITE, MAP_PRIVATE)).toBe('EINVAL');
  });

  it('notices a SYNC END before any START', async () => {
    using fd = await addon.createUdmabuf(PAGE);
    await expect(addon.syncDmaBuf(fd, 4 | 1)).rejects.toMatchObject({ code: 'EINVAL' });
    await addon.syncDmaBuf(fd, 0 | 1);
    await addon.syncDmaBuf(fd, 4 | 1);
  });
});
