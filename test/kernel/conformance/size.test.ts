import addon from '../../../native';
import { EXPORTERS } from './dma-bufs';
import { PAGE } from './kernel-call';

const SET = 0;
const CUR = 1;
const END = 2;
const EINVAL = expect.objectContaining({ code: 'EINVAL' });

describe.each(EXPORTERS)('llseek on a dma-buf of $name', ({ allocate }) => {
  it('answers the size at SEEK_END, then 0 at SEEK_SET', async () => {
    using fd = await allocate(3 * PAGE);
    expect(addon.lseek(fd, 0, END)).toBe(3 * PAGE);
    expect(addon.lseek(fd, 0, SET)).toBe(0);
    expect(addon.sizeByLseek(fd)).toBe(3 * PAGE);
  });

  it('knows no other offset, and no SEEK_CUR', async () => {
    using fd = await allocate(PAGE);
    for (const [offset, whence] of [
      [1, SET],
      [-1, SET],
      [1, END],
      [-1, END],
      [PAGE, SET],
      [0, CUR],
      [1, CUR],
    ] as const) {
      expect(() => addon.lseek(fd, offset, whence)).toThrow(EINVAL);
    }
    expect(() => addon.lseek(fd, 0, 3)).toThrow(EINVAL);
    expect(() => addon.lseek(fd, 0, 4)).toThrow(EINVAL);
  });

  it('answers the same to every holder of the buffer', async () => {
    using fd = await allocate(2 * PAGE);
    using other = fd.duplicate();
    expect(addon.sizeByLseek(other)).toBe(2 * PAGE);
  });
});

it('ESPIPE is how an fd says that it tells no size', () => {
  using pidfd = addon.openPidfd(process.pid);
  expect(() => addon.sizeByLseek(pidfd)).toThrow(expect.objectContaining({ code: 'ESPIPE' }));
});
