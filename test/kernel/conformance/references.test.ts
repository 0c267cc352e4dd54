import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import addon, { type Fd } from '../../../native';
import { fdinfo, HEAPS } from './dma-bufs';
import { PAGE, SYSTEM_HEAP } from './kernel-call';

/** Of fcntl.h; node:fs does not name it. */
const O_PATH = 0o10000000;
const MB = 1024 * 1024;

function freeBytes(): number {
  const line = /^MemFree:\s+(\d+) kB$/m.exec(readFileSync('/proc/meminfo', 'utf8'));
  return Number(line?.[1]) * 1024;
}

function count(fd: Fd): number {
  return Number(fdinfo(fd).get('count'));
}

// What the daemon relies on to charge memory until it is gone: its own fd is one, whatever is more is somebody else's.
describe.each(HEAPS)('the count in fdinfo of a dma-buf of $name', ({ allocate }) => {
  it('is 1 while there is one fd', async () => {
    using fd = await allocate(PAGE);
    expect(count(fd)).toBe(1);
  });

  it('has one more for each duplicate and each mapping, and one less when they are gone', async () => {
    using fd = await allocate(PAGE);
    const copy = fd.duplicate();
    const mapping = addon.map(copy, PAGE, 'read-only');
    expect(count(fd)).toBe(3);
    copy.close();
    expect(count(fd)).toBe(2);
    mapping.unmap();
    expect(count(fd)).toBe(1);
  });

  it('counts fds of other processes', async () => {
    using fd = await allocate(PAGE);
    const other = spawn('sleep', ['3600'], { stdio: ['ignore', 'ignore', 'ignore', fd.number] });
    await once(other, 'spawn');
    expect(count(fd)).toBe(2);
    other.kill('SIGKILL');
    await once(other, 'exit');
    expect(count(fd)).toBe(1);
  });

  it('counts fds that are on their way through a socket, until that is gone', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'dmabufd-references-'));
    try {
      using fd = await allocate(PAGE);
      const listener = addon.listenUnix('seqpacket', join(directory, 'socket'), 0o600);
      const handlers = { onDatagram: () => {}, onWritable: () => {}, onClosed: () => {} };
      const sender = addon.connectSeqpacket(join(directory, 'socket'), handlers);
      sender.send(Uint8Array.of(1), [fd]);
      expect(count(fd)).toBe(2);
      sender.close();
      expect(count(fd)).toBe(2);
      listener.close();
      expect(count(fd)).toBe(1);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

// A gap of the kernel's that nobody can close from outside: a path reference holds the memory and is not counted.
it('a dma-buf that is opened with O_PATH keeps its memory, and no count tells', async () => {
  const size = 128 * MB;
  const fd = await addon.allocateFromDmaHeap(SYSTEM_HEAP, size);
  const path = openSync(`/proc/self/fd/${fd.number}`, O_PATH);
  expect(count(fd)).toBe(1);
  const whileOpen = freeBytes();
  fd.close();
  const whilePathOpen = freeBytes();
  closeSync(path);
  const afterwards = freeBytes();
  expect(whilePathOpen - whileOpen).toBeLessThan(size / 2);
  expect(afterwards - whilePathOpen).toBeGreaterThan(size / 2);
});
