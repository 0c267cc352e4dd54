import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { totalmem } from 'node:os';
import addon from '../../../native';
import {
  kernelCall,
  O_CLOEXEC,
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  PAGE,
  programPath,
  SYSTEM_HEAP,
} from './kernel-call';

const heap = (len: number, fd = 0, fdFlags = O_RDWR | O_CLOEXEC, heapFlags = 0): string =>
  kernelCall('heap', SYSTEM_HEAP, len, fd, fdFlags, heapFlags);

describe('DMA_HEAP_IOCTL_ALLOC on the system heap', () => {
  it('is found in /dev/dma_heap', () => {
    expect(readdirSync('/dev/dma_heap')).toContain('system');
  });

  it('rounds len up to pages', () => {
    expect(heap(1)).toBe('ok O_RDWR CLOEXEC 4096');
    expect(heap(PAGE)).toBe('ok O_RDWR CLOEXEC 4096');
    expect(heap(PAGE + 1)).toBe('ok O_RDWR CLOEXEC 8192');
  });

  it('refuses a len of 0 with EINVAL', () => {
    expect(heap(0)).toBe('EINVAL');
  });

  it('refuses an fd that is not 0', () => {
    expect(heap(PAGE, 1)).toBe('EINVAL');
  });

  it('refuses fd_flags beyond O_CLOEXEC and O_ACCMODE', () => {
    expect(heap(PAGE, 0, O_RDWR | O_CLOEXEC | O_NONBLOCK)).toBe('EINVAL');
  });

  it('refuses heap_flags', () => {
    expect(heap(PAGE, 0, O_RDWR | O_CLOEXEC, 1)).toBe('EINVAL');
  });

  it('does not refuse more than the machine has: it goes on until the OOM killer ends somebody', () => {
    const bytes = 2 * totalmem();
    // The test offers itself, so that the killer takes nobody else.
    const command = 'echo 1000 > /proc/self/oom_score_adj; exec "$0" "$@"';
    const call = [
      programPath('kernel-call'),
      'heap',
      SYSTEM_HEAP,
      String(bytes),
      '0',
      String(O_RDWR),
      '0',
    ];
    expect(spawnSync('sh', ['-c', command, ...call]).signal).toBe('SIGKILL');
  });

  it('hands out zeroed pages, also those that somebody used before', async () => {
    for (let round = 0; round < 4; round++) {
      using fd = await addon.allocateFromDmaHeap(SYSTEM_HEAP, 256 * PAGE);
      using mapping = addon.map(fd, 256 * PAGE, 'read-write');
      expect(Buffer.compare(Buffer.from(mapping.view()), Buffer.alloc(256 * PAGE))).toBe(0);
      mapping.write(0, new Uint8Array(256 * PAGE).fill(0xa5));
    }
    expect(kernelCall('zeroed', SYSTEM_HEAP, 256 * PAGE)).toBe('ok');
  });
});

describe('an fd that was allocated without O_RDWR', () => {
  it('is mapped for reading, and not for writing', () => {
    const [PROT_READ, PROT_WRITE, MAP_SHARED] = [1, 2, 1];
    expect(kernelCall('mmap', SYSTEM_HEAP, O_RDONLY | O_CLOEXEC, PROT_READ, MAP_SHARED)).toBe('ok');
    expect(
      kernelCall('mmap', SYSTEM_HEAP, O_RDONLY | O_CLOEXEC, PROT_READ | PROT_WRITE, MAP_SHARED),
    ).toBe('EACCES');
  });
});
