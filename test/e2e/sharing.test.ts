import { setTimeout as sleep } from 'node:timers/promises';
import { ClientProcess } from './client-process';
import { DaemonProcess } from './daemon-process';
import { eventually } from './slowness';

const SIZE = 64 * 1024;

describe('two unrelated processes', () => {
  let daemon: DaemonProcess;
  let owner: ClientProcess;
  let other: ClientProcess;

  beforeAll(async () => {
    daemon = await DaemonProcess.start();
    owner = await ClientProcess.start(daemon);
    other = await ClientProcess.start(daemon);
  });

  afterAll(async () => {
    await owner?.[Symbol.asyncDispose]();
    await other?.[Symbol.asyncDispose]();
    await daemon?.[Symbol.asyncDispose]();
  });

  test('share one buffer by a secret and see each other’s bytes', async () => {
    const { id } = await owner.tell('allocate', { sizeBytes: SIZE, label: 'shared' });
    const { secretHex } = await owner.tell('share', { bufferId: id });
    const opened = await other.tell('open', { secretHex });
    expect(opened).toMatchObject({ id, sizeBytes: SIZE, access: 'read-write', label: 'shared' });
    await owner.tell('write', { bufferId: id, offset: 100, text: 'from the owner' });
    expect(await other.tell('read', { bufferId: id, offset: 100, length: 14 })).toBe(
      'from the owner',
    );
    await other.tell('write', { bufferId: id, offset: SIZE - 3, text: 'end' });
    expect(await owner.tell('read', { bufferId: id, offset: SIZE - 3, length: 3 })).toBe('end');
  });

  test('share one buffer under a name, and it is one buffer to the kernel', async () => {
    const { id, inode } = await owner.tell('allocate', { sizeBytes: SIZE });
    const { secretHex } = await owner.tell('share', { bufferId: id, name: 'camera0/preview' });
    expect(secretHex).toBe('');
    const opened = await other.tell('open', { name: 'camera0/preview' });
    expect(opened).toMatchObject({ id, inode, isOwner: false });
  });

  test('share for reading only: the other cannot write', async () => {
    const { id } = await owner.tell('allocate', { sizeBytes: SIZE });
    await owner.tell('share', { bufferId: id, name: 'read-only', access: 'read' });
    await owner.tell('write', { bufferId: id, offset: 0, text: 'look' });
    expect(await other.tell('open', { name: 'read-only' })).toMatchObject({ access: 'read' });
    expect(await other.tell('read', { bufferId: id, offset: 0, length: 4 })).toBe('look');
    await expect(
      other.tell('write', { bufferId: id, offset: 0, text: 'touch' }),
    ).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
  });

  test('cannot open a name that nobody published, or a secret that nobody was given', async () => {
    await expect(other.tell('open', { name: 'nobody/knows' })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    await expect(other.tell('open', { secretHex: 'ab'.repeat(32) })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
  });

  test('cannot open what is for another user, and hear no more than that it is not there', async () => {
    const { id } = await owner.tell('allocate', { sizeBytes: SIZE });
    await owner.tell('share', { bufferId: id, name: 'for-somebody-else', uid: 4711 });
    await expect(other.tell('open', { name: 'for-somebody-else' })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
  });

  test('cannot publish under a name that is taken', async () => {
    const { id } = await owner.tell('allocate', { sizeBytes: SIZE });
    await owner.tell('share', { bufferId: id, name: 'taken' });
    await expect(owner.tell('share', { bufferId: id, name: 'taken' })).rejects.toMatchObject({
      code: 'ALREADY_EXISTS',
    });
  });

  test('cannot use a grant more often than it says', async () => {
    const { id } = await owner.tell('allocate', { sizeBytes: SIZE });
    const { secretHex } = await owner.tell('share', { bufferId: id, maxUses: 1 });
    await other.tell('open', { secretHex });
    await expect(other.tell('open', { secretHex })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  test('cannot use a grant after its time', async () => {
    const { id } = await owner.tell('allocate', { sizeBytes: SIZE });
    const { secretHex } = await owner.tell('share', { bufferId: id, timeToLiveMs: 20 });
    await sleep(40);
    await expect(other.tell('open', { secretHex })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  test('go on with a buffer whose owner has died; its grants are gone', async () => {
    const mortal = await ClientProcess.start(daemon);
    const { id } = await mortal.tell('allocate', { sizeBytes: SIZE });
    await mortal.tell('share', { bufferId: id, name: 'legacy' });
    await mortal.tell('write', { bufferId: id, offset: 0, text: 'last words' });
    await other.tell('open', { name: 'legacy' });
    await mortal.kill();
    await eventually('the owner’s lease ends', async () => {
      const { leases } = await daemon.inspector.describe(id);
      return leases.length === 1 ? true : undefined;
    });
    expect(await other.tell('read', { bufferId: id, offset: 0, length: 10 })).toBe('last words');
    await expect(owner.tell('open', { name: 'legacy' })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
  });
});
