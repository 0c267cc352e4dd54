import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import addon, { type FdPlaneArrival } from '../../native';
import { expectNoFdLeak, openFds } from './open-fds';
import { bufferIds, Directory, datagram, TestClient, until } from './sockets';

/** FD_CLOEXEC as the kernel shows it: O_CLOEXEC in the flags of fdinfo. */
function isCloexec(fd: number): boolean {
  const flags = /^flags:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1];
  return (Number.parseInt(flags ?? '0', 8) & 0o2000000) !== 0;
}

describe('an Fd', () => {
  expectNoFdLeak();

  it('is close-on-exec from birth, and an exec of it opens nothing', async () => {
    using fd = await addon.createMemfd('test', 4096);
    expect(isCloexec(fd.number)).toBe(true);
    expect(execFileSync('ls', ['-l', '/proc/self/fd'], { encoding: 'utf8' })).not.toContain(
      'memfd:test',
    );
  });

  it('is inherited only if its maker asks for it', async () => {
    using fd = await addon.createMemfd('test', 4096, { cloexec: false });
    expect(isCloexec(fd.number)).toBe(false);
  });

  it('is closed by using, once, and has no number afterwards', async () => {
    const fd = await addon.createMemfd('test', 4096);
    fd[Symbol.dispose]();
    fd.close();
    expect(fd.closed).toBe(true);
    expect(() => fd.number).toThrow(expect.objectContaining({ code: 'EBADF' }));
  });

  it('duplicates to another descriptor of the same file, close-on-exec too', async () => {
    using fd = await addon.createMemfd('test', 4096);
    using copy = fd.duplicate();
    expect(copy.number).not.toBe(fd.number);
    expect(isCloexec(copy.number)).toBe(true);
    expect(addon.describeFd(copy).inode).toBe(addon.describeFd(fd).inode);
  });

  it('gives its number up with release', async () => {
    const fd = await addon.createMemfd('test', 4096);
    const number = fd.release();
    expect(fd.closed).toBe(true);
    closeSync(number);
  });

  it('takes over a number that is open, and refuses one that is not', () => {
    const number = openSync('/dev/null', 'r');
    using fd = addon.adoptFd(number);
    expect(isCloexec(fd.number)).toBe(true);
    expect(() => addon.adoptFd(999999)).toThrow(expect.objectContaining({ code: 'EBADF' }));
  });

  it('is not to be had by new, nor mistaken for another object with its prototype', async () => {
    using fd = await addon.createMemfd('test', 4096);
    const Impostor = Object.getPrototypeOf(fd).constructor;
    expect(() => new Impostor(3)).toThrow('not constructible');
    const impostor = Object.create(Object.getPrototypeOf(fd));
    expect(() => addon.describeFd(impostor)).toThrow('fd must be an Fd');
  });

  it('stays open for a call that is under way when it is closed', async () => {
    const fd = await addon.createMemfd('test', 4096);
    const call = addon.syncDmaBuf(fd, 1);
    expect(() => fd.release()).toThrow(expect.objectContaining({ code: 'EBUSY' }));
    fd.close();
    await expect(call).rejects.toMatchObject({ code: 'ENOTTY' });
  });

  it('is closed on another thread by closeFd, which says when that is done', async () => {
    const fd = await addon.createMemfd('freed-elsewhere', 8 << 20);
    const mapping = addon.map(fd, 8 << 20, 'read-write');
    new Uint8Array(mapping.view()).fill(1);
    mapping.unmap();
    const { number } = fd;
    const closing = addon.closeFd(fd);
    expect(fd.closed).toBe(true);
    await closing;
    expect(openFds().filter((open) => open.startsWith(`${number} -> /memfd:freed`))).toEqual([]);
    await addon.closeFd(fd);
  });

  it('stays open in closeFd while somebody else holds it', async () => {
    const fd = await addon.createMemfd('held', 4096);
    using directory = new Directory();
    const plane = addon.startFdPlane({
      listener: addon.listenUnix('seqpacket', directory.join('s'), 0o600),
      maxSessions: 1,
      maxFdsInFlightPerAccount: 1000,
      onEvents: () => undefined,
    });
    plane.open();
    using client = new TestClient(directory.join('s'));
    const arrivals: FdPlaneArrival[] = [];
    await until(() => arrivals.push(...plane.takeArrivals(1)) > 0, 'a connection');
    for (const arrival of arrivals) {
      if (arrival.type !== 'connected') continue;
      arrival.peer.pidfd?.close();
      plane.admit(arrival.session, new Uint8Array(32), 'test');
      plane.putLease(arrival.session, { bufferId: 1, fd, sizeBytes: 4096, flags: 3 });
    }
    await addon.closeFd(fd);
    expect(fd.closed).toBe(true);
    await client.next();
    client.socket.send(datagram(3, 1, bufferIds(1)));
    const { fds } = await client.next();
    expect(fds).toHaveLength(1);
    for (const fetched of fds) await addon.closeFd(fetched);
    plane.close();
  });
});

describe('a file that somebody hands over', () => {
  expectNoFdLeak();

  it('is told apart by what the kernel answers about it: a memfd', async () => {
    using fd = await addon.createMemfd('test', 4096);
    expect(addon.describeFd(fd)).toMatchObject({ kind: 'memfd', access: 'read-write', seals: 7 });
  });

  it('or something that is neither a dma-buf nor a memfd', () => {
    for (const path of ['/dev/null', __filename, '/proc/self/maps']) {
      using fd = addon.adoptFd(openSync(path, 'r'));
      expect(addon.describeFd(fd)).toMatchObject({ kind: 'other', access: 'read-only' });
    }
  });
});

describe('arguments', () => {
  it('are refused with the name of the one that is wrong', () => {
    expect(() => addon.createMemfd('a\0b', 1)).toThrow('name must be a string without NUL');
    expect(() => addon.createMemfd('a', -1)).toThrow(
      'sizeBytes must be an integer from 0 to 2^53 - 1',
    );
    expect(() => addon.createMemfd('a', 1.5)).toThrow('sizeBytes must be an integer');
    expect(() => addon.createMemfd('a', Number.NaN)).toThrow('sizeBytes must be an integer');
  });

  it('and system calls fail with their errno, call and code', async () => {
    await expect(addon.allocateFromDmaHeap('/dev/null', 4096)).rejects.toMatchObject({
      code: 'ENOTTY',
      errno: 25,
      syscall: 'ioctl(DMA_HEAP_IOCTL_ALLOC)',
      message: 'ENOTTY: Inappropriate ioctl for device, ioctl(DMA_HEAP_IOCTL_ALLOC)',
    });
    await expect(addon.allocateFromDmaHeap('/dev/dma_heap/none', 1)).rejects.toMatchObject({
      code: 'ENOENT',
    });
  });
});
