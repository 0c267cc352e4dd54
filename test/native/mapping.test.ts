import { openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import addon from '../../native';
import { expectNoFdLeak } from './open-fds';

const SIZE = 8192;

async function untilUnmapped(name: string): Promise<void> {
  const deadline = Date.now() + 5000;
  while (readFileSync('/proc/self/maps', 'utf8').includes(name)) {
    if (Date.now() > deadline) throw new Error(`${name} is still mapped`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('a mapping', () => {
  expectNoFdLeak();

  it('shows the same bytes to everyone who maps the buffer', async () => {
    using fd = await addon.createMemfd('shown', SIZE);
    using one = addon.map(fd, SIZE, 'read-write');
    using other = addon.map(fd, SIZE, 'read-write');
    new Uint8Array(one.view())[4097] = 42;
    expect(new Uint8Array(other.view())[4097]).toBe(42);
  });

  it('leaves an empty view behind when it is unmapped, and never a crash', async () => {
    using fd = await addon.createMemfd('emptied', SIZE);
    const mapping = addon.map(fd, SIZE, 'read-write');
    const view = new Uint8Array(mapping.view());
    const words = new DataView(view.buffer, 4096);
    mapping.unmap();
    mapping.unmap();
    expect(view.byteLength).toBe(0);
    expect(view[0]).toBeUndefined();
    view[0] = 1;
    expect(() => words.getUint8(0)).toThrow(TypeError);
    expect(mapping.mapped).toBe(false);
    expect(() => mapping.view()).toThrow(expect.objectContaining({ code: 'EFAULT' }));
    await untilUnmapped('memfd:emptied');
  });

  it('hands out one view at a time, and a new one after the old is detached', async () => {
    using fd = await addon.createMemfd('one', SIZE);
    using mapping = addon.map(fd, SIZE, 'read-write');
    for (let round = 0; round < 100; round++) {
      const view = new Uint8Array(mapping.view());
      expect(() => mapping.view()).toThrow(expect.objectContaining({ code: 'EBUSY' }));
      expect(view[0]).toBe(round);
      view[0] = round + 1;
      mapping.detach();
      expect(view.byteLength).toBe(0);
    }
  });

  it('outlives its fd', async () => {
    const fd = await addon.createMemfd('outlives', SIZE);
    using mapping = addon.map(fd, SIZE, 'read-write');
    fd.close();
    new Uint8Array(mapping.view()).fill(7);
    mapping.detach();
    const copy = new Uint8Array(SIZE);
    mapping.read(0, copy);
    expect(copy.every((byte) => byte === 7)).toBe(true);
  });

  it('cannot be moved to a worker, from where it could not be detached', async () => {
    using fd = await addon.createMemfd('moved', SIZE);
    using mapping = addon.map(fd, SIZE, 'read-write');
    const view = mapping.view();
    const worker = new Worker(
      'require("node:worker_threads").parentPort.once("message", () => {})',
      { eval: true },
    );
    try {
      worker.postMessage(view, [view]);
    } catch {
      // Newer versions of Node refuse to transfer it, older ones send a copy.
    }
    mapping.unmap();
    expect(view.byteLength).toBe(0);
    await worker.terminate();
  });

  it('of a read-only fd has no view, since a store into it would be a SIGSEGV, but can be read', async () => {
    using fd = await addon.createMemfd('readonly', SIZE);
    using reader = addon.reopen(fd, 'read-only');
    expect(addon.describeFd(reader).access).toBe('read-only');
    expect(() => addon.map(reader, SIZE, 'read-write')).toThrow(
      expect.objectContaining({ code: 'EACCES' }),
    );
    using mapping = addon.map(reader, SIZE, 'read-only');
    expect(mapping.writable).toBe(false);
    expect(() => mapping.view()).toThrow(expect.objectContaining({ code: 'EACCES' }));
    expect(() => mapping.write(0, new Uint8Array(1))).toThrow(
      expect.objectContaining({ code: 'EACCES' }),
    );
    using writer = addon.map(fd, SIZE, 'read-write');
    writer.write(4000, Uint8Array.of(1, 2, 3));
    const copy = new Uint8Array(3);
    mapping.read(4000, copy);
    expect([...copy]).toEqual([1, 2, 3]);
  });

  it('is read and written only within its length', async () => {
    using fd = await addon.createMemfd('bounds', SIZE);
    using mapping = addon.map(fd, SIZE, 'read-write');
    for (const [offset, length] of [
      [SIZE, 1],
      [SIZE + 1, 0],
      [0, SIZE + 1],
      [Number.MAX_SAFE_INTEGER, 8],
    ] as const) {
      expect(() => mapping.read(offset, new Uint8Array(length))).toThrow(
        expect.objectContaining({ code: 'ERANGE' }),
      );
      expect(() => mapping.write(offset, new Uint8Array(length))).toThrow(
        expect.objectContaining({ code: 'ERANGE' }),
      );
    }
    mapping.read(SIZE, new Uint8Array(0));
  });

  it('is refused of a file that could be cut under its reader, or is shorter than asked', async () => {
    const path = join(tmpdir(), `dmabufd-mapping-${process.pid}`);
    writeFileSync(path, Buffer.alloc(SIZE));
    using file = addon.adoptFd(openSync(path, 'r+'));
    rmSync(path);
    expect(() => addon.map(file, SIZE, 'read-write')).toThrow(
      expect.objectContaining({ code: 'EPERM' }),
    );
    using memfd = await addon.createMemfd('short', SIZE);
    expect(() => addon.map(memfd, SIZE + 1, 'read-write')).toThrow(
      expect.objectContaining({ code: 'EINVAL' }),
    );
    expect(() => addon.map(memfd, 0, 'read-write')).toThrow(
      expect.objectContaining({ code: 'EINVAL' }),
    );
  });
});
