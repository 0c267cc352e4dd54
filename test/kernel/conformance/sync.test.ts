import addon, { DmaBufSync } from '../../../native';
import { DEVICE, EXPORTERS, HEAPS } from './dma-bufs';
import { PAGE, SYSTEM_HEAP } from './kernel-call';

const { READ, WRITE, RW, START, END } = DmaBufSync;
const EINVAL = { code: 'EINVAL' };

describe.each(EXPORTERS)('DMA_BUF_IOCTL_SYNC on a dma-buf of $name', ({ allocate }) => {
  it.each([
    ['READ', READ],
    ['WRITE', WRITE],
    ['RW', RW],
  ])('brackets %s with START and END', async (_, direction) => {
    using fd = await allocate(PAGE);
    await addon.syncDmaBuf(fd, START | direction);
    await addon.syncDmaBuf(fd, END | direction);
  });

  it('refuses what is neither READ nor WRITE, and any other bit', async () => {
    using fd = await allocate(PAGE);
    await addon.syncDmaBuf(fd, START | RW);
    for (const flags of [START, END, 8 | READ, 16 | END | RW, 2 ** 31 + READ]) {
      await expect(addon.syncDmaBuf(fd, flags)).rejects.toMatchObject(EINVAL);
    }
    await addon.syncDmaBuf(fd, END | RW);
  });

  it('gives no exclusion: two may be inside at once, both writing', async () => {
    using one = await allocate(PAGE);
    using other = one.duplicate();
    await addon.syncDmaBuf(one, START | RW);
    await addon.syncDmaBuf(other, START | RW);
    await addon.syncDmaBuf(other, END | RW);
    await addon.syncDmaBuf(one, END | RW);
  });
});

describe.each(HEAPS)('what is written to a buffer of $name', ({ allocate }) => {
  it('within an access is read by another mapping within the next', async () => {
    using fd = await allocate(2 * PAGE);
    using writer = addon.map(fd, 2 * PAGE, 'read-write');
    using reader = addon.map(fd, 2 * PAGE, 'read-only');
    await addon.syncDmaBuf(fd, START | WRITE);
    writer.write(PAGE - 2, Uint8Array.of(1, 2, 3, 4));
    await addon.syncDmaBuf(fd, END | WRITE);
    await addon.syncDmaBuf(fd, START | READ);
    const bytes = new Uint8Array(4);
    reader.read(PAGE - 2, bytes);
    await addon.syncDmaBuf(fd, END | READ);
    expect([...bytes]).toEqual([1, 2, 3, 4]);
  });
});

it('the system heap and vgem do not notice an END without START: only the books can', async () => {
  using heap = await addon.allocateFromDmaHeap(SYSTEM_HEAP, PAGE);
  await addon.syncDmaBuf(heap, END | READ);
  using device = await DEVICE.allocate(PAGE);
  await addon.syncDmaBuf(device, END | READ);
});
