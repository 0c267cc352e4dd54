import type { BufferFact } from '../../../../server/domain/facts';
import { type BufferId, isBufferId } from '../../../../server/domain/ids';
import { resumeMemory } from '../../../../server/heaps/kept-memory';
import { fakeFd } from '../fake-fd';
import { FakeKernelCalls, systemError } from './fake-kernel-calls';

const SEAL_SHRINK = 2;

function bufferId(value: number): BufferId {
  if (!isBufferId(value)) throw new Error(`${value} is no buffer id`);
  return value;
}

/** What was kept of the buffer that the fake kernel calls speak of. */
const kept = (changes: Partial<BufferFact> = {}): BufferFact => ({
  id: bufferId(7),
  heap: 'system',
  origin: 'allocated',
  kind: 'dma-buf',
  device: 7,
  inode: 77,
  sizeBytes: 4096,
  access: 'read-write',
  label: '',
  createdAtMs: 0,
  account: 'uid 1000',
  chargedBytes: 4096,
  ...changes,
});

describe('memory that an earlier process had', () => {
  test('is the same kernel object', () => {
    const memory = resumeMemory(new FakeKernelCalls(), fakeFd(), kept());
    expect(memory).toMatchObject({ kind: 'dma-buf', inode: 77, device: 7, sizeBytes: 4096 });
  });

  test.each<[string, Partial<BufferFact>, RegExp]>([
    ['another inode', { inode: 78 }, /the fd is of dma-buf 7:77, and not of dma-buf 7:78/],
    ['another device', { device: 8 }, /and not of dma-buf 8:77/],
    ['another kind', { kind: 'memfd' }, /and not of memfd 7:77/],
    ['another size', { sizeBytes: 8192 }, /the memory has 4096 bytes, and not 8192/],
  ])('is not one of %s, whose fd is closed', async (_what, changes, message) => {
    const calls = new FakeKernelCalls();
    const fd = fakeFd();
    expect(() => resumeMemory(calls, fd, kept(changes))).toThrow(message);
    expect(calls.closedElsewhere).toEqual([fd]);
  });

  test('is closed, too, if the kernel does not say what it is', () => {
    const calls = new FakeKernelCalls();
    const fd = fakeFd();
    calls.describeFd = () => {
      throw systemError('EBADF', 'fstat');
    };
    expect(() => resumeMemory(calls, fd, kept())).toThrow('EBADF');
    expect(calls.closedElsewhere).toEqual([fd]);
  });

  test('may have grown if a client brought it as a memfd, and never have shrunk', () => {
    const calls = new FakeKernelCalls();
    calls.description = { ...calls.description, kind: 'memfd', seals: SEAL_SHRINK };
    const adopted = { origin: 'adopted', kind: 'memfd' } as const;
    calls.size = 8192;
    expect(resumeMemory(calls, fakeFd(), kept(adopted)).sizeBytes).toBe(8192);
    calls.size = 1024;
    expect(() => resumeMemory(calls, fakeFd(), kept(adopted))).toThrow('and not 4096');
  });
});
