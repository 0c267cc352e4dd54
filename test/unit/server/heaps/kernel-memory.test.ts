import { DomainError } from '../../../../server/domain/errors';
import { takeIn } from '../../../../server/heaps/adopted';
import { KernelMemory } from '../../../../server/heaps/kernel-memory';
import { NEVER, outcome, peer, refusal } from '../domain/fakes';
import { fakeFd } from '../fake-fd';
import { FakeKernelCalls, systemError } from './fake-kernel-calls';

function memory(calls: FakeKernelCalls, kind: 'dma-buf' | 'memfd' = 'dma-buf') {
  const fd = fakeFd();
  const source = { fd, kind, access: 'read-write', readOnlyDefeatedBy: new Set([0]) } as const;
  return { fd, memory: new KernelMemory(calls, source) };
}

describe('a buffer’s kernel object', () => {
  test('has the size that lseek tells, or none where the kernel tells none', () => {
    const calls = new FakeKernelCalls();
    expect(memory(calls).memory.sizeBytes).toBe(4096);
    calls.size = systemError('ESPIPE', 'lseek');
    expect(memory(calls).memory.sizeBytes).toBeNull();
  });

  test('that cannot be made leaves no fd open', () => {
    const calls = new FakeKernelCalls();
    calls.size = systemError('EIO', 'lseek');
    const fd = fakeFd();
    const source = { fd, kind: 'dma-buf', access: 'read', readOnlyDefeatedBy: null } as const;
    expect(() => new KernelMemory(calls, source)).toThrow(DomainError);
    expect(fd.closed).toBe(true);
  });

  test('is synced with the direction’s flags, and END is START with one more', async () => {
    const calls = new FakeKernelCalls();
    const { memory: buffer } = memory(calls);
    for (const mode of ['read', 'write', 'read-write'] as const) {
      await buffer.beginCpuAccess(mode);
      await buffer.endCpuAccess(mode);
    }
    expect(calls.syncs).toEqual([1, 5, 2, 6, 3, 7]);
  });

  test('that is a memfd needs no SYNC and has no fences', async () => {
    const calls = new FakeKernelCalls();
    calls.readyEvents = 0;
    const { memory: buffer } = memory(calls, 'memfd');
    await buffer.whenIdle('write', NEVER);
    await buffer.beginCpuAccess('write');
    await buffer.endCpuAccess('write');
    expect(calls.syncs).toEqual([]);
    expect(calls.watches).toEqual([]);
  });

  test('is idle at once when poll says so', async () => {
    const calls = new FakeKernelCalls();
    await memory(calls).memory.whenIdle('write', NEVER);
    expect(calls.watches).toEqual([]);
  });

  test.each([
    ['read', 'readable'],
    ['write', 'writable'],
    ['read-write', 'writable'],
  ] as const)('waits, to %s, until its fd is %s', async (mode, direction) => {
    const calls = new FakeKernelCalls();
    calls.readyEvents = 0;
    const waiting = memory(calls).memory.whenIdle(mode, NEVER);
    expect(calls.watches.map((watch) => watch.direction)).toEqual([direction]);
    calls.watches[0]?.fire();
    await waiting;
  });

  test('has one watcher for each direction, however many wait', async () => {
    const calls = new FakeKernelCalls();
    calls.readyEvents = 0;
    const { memory: buffer } = memory(calls);
    const abort = new AbortController();
    const readers = [1, 2, 3].map(() => buffer.whenIdle('read', NEVER));
    const impatient = outcome(() => buffer.whenIdle('read', abort.signal));
    const writer = buffer.whenIdle('write', NEVER);
    expect(calls.watches.map((watch) => watch.direction)).toEqual(['readable', 'writable']);
    abort.abort();
    expect(await impatient).toBe('cancelled');
    expect(calls.watches[0]?.closed).toBe(false);
    for (const watch of calls.watches) watch.fire();
    await Promise.all([...readers, writer]);
    const again = buffer.whenIdle('read', NEVER);
    expect(calls.watches).toHaveLength(3);
    calls.watches[2]?.fire();
    await again;
  });

  test('is watched no more when the wait is given up', async () => {
    const calls = new FakeKernelCalls();
    calls.readyEvents = 0;
    const abort = new AbortController();
    const waiting = outcome(() => memory(calls).memory.whenIdle('read', abort.signal));
    abort.abort(new DomainError('deadline-exceeded', 'late'));
    expect(await waiting).toBe('deadline-exceeded');
    expect(calls.watches[0]?.closed).toBe(true);
  });

  test('that is a memfd hands out an fd that only reads for a read lease, and says to whom it counts', () => {
    const { memory: buffer, fd } = memory(new FakeKernelCalls(), 'memfd');
    expect(buffer.fdFor('read-write')).toBe(fd);
    expect(buffer.fdFor('read')).not.toBe(fd);
    expect(buffer.fdFor('read')).toBe(buffer.fdFor('read'));
    expect(buffer.enforcesReadOnly(peer(1, 1000))).toBe(true);
    expect(buffer.enforcesReadOnly(peer(1, 0))).toBe(false);
  });

  test('that has an fd of its own for writers hands out that, and closes both', () => {
    const [fd, writerFd] = [fakeFd(3), fakeFd(4)];
    const source = { fd, writerFd, kind: 'memfd', access: 'read-write' } as const;
    const buffer = new KernelMemory(new FakeKernelCalls(), { ...source, readOnlyDefeatedBy: null });
    expect(buffer.fdFor('read-write')).toBe(writerFd);
    void buffer.close();
    expect([fd.closed, writerFd.closed]).toEqual([true, true]);
  });

  test.each([
    ['ENOTTY', 'unimplemented'],
    ['ENOMEM', 'resource-exhausted'],
    ['EIO', 'failed-precondition'],
  ])('that fails with %s answers %s and names the call', async (errno, code) => {
    const calls = new FakeKernelCalls();
    const { memory: buffer } = memory(calls);
    calls.failure = systemError(errno, 'ioctl(DMA_BUF_IOCTL_SYNC)');
    expect(await refusal(() => buffer.beginCpuAccess('read'))).toBe(
      `${code}: beginning the CPU access: ioctl(DMA_BUF_IOCTL_SYNC) failed with ${errno}`,
    );
  });
});

describe('an fd that a client brings', () => {
  const given = (what: Partial<FakeKernelCalls['description']>) => {
    const calls = new FakeKernelCalls();
    calls.description = { ...calls.description, ...what };
    return calls;
  };

  test.each([
    [{ kind: 'other' }, 'it is another kind of file'],
    [{ kind: 'sync-file' }, 'it is a sync_file'],
    [{ kind: 'memfd', seals: 0 }, 'it is a memfd without F_SEAL_SHRINK'],
    [{ kind: 'memfd', seals: 1 | 4 }, 'it is a memfd without F_SEAL_SHRINK'],
    [{ kind: 'dma-buf', access: 'write-only' }, 'it was opened write-only'],
  ] as const)('is refused and closed if it is %j', async (what, reason) => {
    const fd = fakeFd();
    expect(await refusal(() => takeIn(given(what), fd))).toContain(reason);
    expect(fd.closed).toBe(true);
  });

  test('that is a memfd sealed against shrinking is taken, and promises no read-only leases', () => {
    const { memory: taken, exporter } = takeIn(given({ kind: 'memfd', seals: 2 }), fakeFd());
    expect({ kind: taken.kind, exporter }).toEqual({ kind: 'memfd', exporter: 'memfd' });
    expect(taken.enforcesReadOnly(peer(1))).toBe(false);
  });
});
