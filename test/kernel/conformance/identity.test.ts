import { readFileSync } from 'node:fs';
import addon from '../../../native';
import { readFdinfo } from '../../../server/heaps/fdinfo';
import { bufinfo, countDmaBufs } from '../bufinfo';
import { EXPORTERS, fdinfo } from './dma-bufs';
import { kernelCall, PAGE, SYSTEM_HEAP } from './kernel-call';

describe.each(EXPORTERS)('a dma-buf of $name', ({ allocate, exporterName }) => {
  it('is told from every other file by the kernel, and not by its name', async () => {
    using fd = await allocate(PAGE);
    expect(addon.describeFd(fd)).toMatchObject({ kind: 'dma-buf', access: 'read-write', seals: 0 });
  });

  it('has an inode that no other dma-buf has', async () => {
    using one = await allocate(PAGE);
    using other = await allocate(PAGE);
    using copy = one.duplicate();
    expect(addon.describeFd(one).inode).toBe(addon.describeFd(copy).inode);
    expect(addon.describeFd(one).inode).not.toBe(addon.describeFd(other).inode);
  });

  it('shows its size, exporter, name and number of open references in fdinfo', async () => {
    using fd = await allocate(2 * PAGE);
    addon.setDmaBufName(fd, 'camera0/preview');
    const info = fdinfo(fd);
    expect(info.get('size')).toBe(String(2 * PAGE));
    expect(info.get('exp_name')).toBe(exporterName);
    expect(info.get('name')).toBe('camera0/preview');
    const count = Number(info.get('count'));
    using _copy = fd.duplicate();
    expect(Number(fdinfo(fd).get('count'))).toBe(count + 1);
    using _mapping = addon.map(fd, PAGE, 'read-write');
    expect(Number(fdinfo(fd).get('count'))).toBe(count + 2);
  });

  it('takes a name of 31 bytes, and none of 32', async () => {
    using fd = await allocate(PAGE);
    addon.setDmaBufName(fd, 'x'.repeat(31));
    expect(() => addon.setDmaBufName(fd, 'x'.repeat(32))).toThrow(
      expect.objectContaining({ code: 'EINVAL' }),
    );
    expect(fdinfo(fd).get('name')).toBe('x'.repeat(31));
    expect(bufinfo()).toContain('x'.repeat(31));
  });

  it('shows its name last and as it is, line feeds and all: who reads fdinfo believes what came first', async () => {
    using fd = await allocate(PAGE);
    addon.setDmaBufName(fd, 'x\nexp_name:\tforged\nsize:\t1');
    const text = readFileSync(`/proc/self/fdinfo/${fd.number}`, 'utf8');
    expect(text.endsWith('name:\tx\nexp_name:\tforged\nsize:\t1\n')).toBe(true);
    expect(readFdinfo(fd).get('exp_name')).toBe(exporterName);
    expect(readFdinfo(fd).get('size')).toBe(String(PAGE));
    expect(readFdinfo(fd).get('name')).toBe('x');
  });

  it('is counted in debugfs until its last fd and mapping are gone', async () => {
    const before = countDmaBufs();
    const fd = await allocate(PAGE);
    const mapping = addon.map(fd, PAGE, 'read-write');
    fd.close();
    expect(countDmaBufs()).toBe(before + 1);
    mapping.unmap();
    // The device's own handle may be closed a moment later, by a process that ends.
    const deadline = Date.now() + 60_000;
    while (countDmaBufs() !== before && Date.now() < deadline)
      await new Promise((resolve) => setTimeout(resolve, 5));
    expect(countDmaBufs()).toBe(before);
  });
});

describe('a read-only fd of a dma-buf', () => {
  it('stays read-only, whether it is duplicated, asked by fcntl, or reopened through /proc', () => {
    expect(kernelCall('widen', SYSTEM_HEAP, 'dup')).toBe('ok O_RDONLY CLOEXEC 4096');
    expect(kernelCall('widen', SYSTEM_HEAP, 'fcntl')).toBe('ok O_RDONLY CLOEXEC 4096');
    expect(kernelCall('widen', SYSTEM_HEAP, 'reopen')).toBe('ENXIO');
  });

  it('may still be renamed, and bracketed for writing', async () => {
    using fd = await addon.allocateFromDmaHeap(SYSTEM_HEAP, PAGE, { access: 'read-only' });
    addon.setDmaBufName(fd, 'renamed');
    expect(fdinfo(fd).get('name')).toBe('renamed');
    await addon.syncDmaBuf(fd, 2);
    await addon.syncDmaBuf(fd, 4 | 2);
  });
});

describe('a read-only fd of a memfd', () => {
  it('can be made from a writable one, by opening it through /proc', async () => {
    using memfd = await addon.createMemfd('memfd', PAGE);
    using reader = addon.reopen(memfd, 'read-only');
    expect(addon.describeFd(reader)).toMatchObject({ kind: 'memfd', access: 'read-only' });
  });

  it('can be made writable again by the same user in the same way: it is advice, not protection', () => {
    expect(kernelCall('widen-memfd')).toBe('ok O_RDWR CLOEXEC 0');
  });
});
