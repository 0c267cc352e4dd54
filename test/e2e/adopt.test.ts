import { openSync } from 'node:fs';
import { join } from 'node:path';
import { type Broker, connect } from '../../client';
import addon, { type Fd } from '../../native';
import { ClientProcess } from './client-process';
import { DaemonProcess } from './daemon-process';

const SIZE = 8192;

describe('a buffer that a client brings', () => {
  let daemon: DaemonProcess;
  let broker: Broker;
  let memfd: Fd;

  beforeAll(async () => {
    daemon = await DaemonProcess.start();
  });
  afterAll(() => daemon?.[Symbol.asyncDispose]());

  beforeEach(async () => {
    broker = await connect({ runtimeDirectory: daemon.runtimeDirectory });
    memfd = await addon.createMemfd('from a camera', SIZE);
  });
  afterEach(async () => {
    memfd.close();
    await broker.close();
  });

  test('is shared like any other, and is the very memory', async () => {
    const mapping = addon.map(memfd, SIZE, 'read-write');
    mapping.write(0, Buffer.from('drawn before'));
    const buffer = await broker.adopt(memfd, { label: 'brought' });
    expect(buffer.description).toMatchObject({
      origin: 'adopted',
      memory: 'memfd',
      sizeBytes: SIZE,
      label: 'brought',
      inode: addon.describeFd(memfd).inode,
      isOwner: true,
    });
    await buffer.share({ name: 'adopted' });
    await using other = await ClientProcess.start(daemon);
    const { id } = await other.tell('open', { name: 'adopted' });
    expect(await other.tell('read', { bufferId: id, offset: 0, length: 12 })).toBe('drawn before');
    await other.tell('write', { bufferId: id, offset: 0, text: 'drawn after!' });
    const bytes = new Uint8Array(12);
    mapping.read(0, bytes);
    expect(Buffer.from(bytes).toString()).toBe('drawn after!');
    mapping.unmap();
  });

  test('is one buffer however often it is brought', async () => {
    const first = await broker.adopt(memfd);
    const second = await broker.adopt(memfd);
    expect(second.id).toBe(first.id);
    await first.release();
    expect(await second.size()).toBe(SIZE);
  });

  test('is refused when another session brought it first', async () => {
    await broker.adopt(memfd);
    await using other = await connect({ runtimeDirectory: daemon.runtimeDirectory });
    await expect(other.adopt(memfd)).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
  });

  test('is refused when it is no memory that may be shared', async () => {
    using file = addon.adoptFd(openSync('/dev/null', 'r+'));
    await expect(broker.adopt(file)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    using plain = addon.adoptFd(openSync(join(daemon.directory, 'plain-file'), 'w+'));
    await expect(broker.adopt(plain)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  test('is refused with the limit when its label is too long', async () => {
    await expect(broker.adopt(memfd, { label: 'x'.repeat(32) })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(/label.*32 bytes.*31/),
    });
  });
});
