import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync } from 'node:fs';
import { ClientProcess } from './client-process';
import { DaemonProcess } from './daemon-process';
import { DMABUFCTL } from './dmabufctl-process';

const ALICE = 4001;
const BOB = 4002;

// Only root can be several users. Elsewhere these tests say that they were skipped.
const describeAsRoot = process.getuid?.() === 0 ? describe : describe.skip;

describeAsRoot('clients of several users', () => {
  let daemon: DaemonProcess;
  let alice: ClientProcess;
  let bob: ClientProcess;

  beforeAll(async () => {
    daemon = await DaemonProcess.start('--socket-mode', '0666');
    chmodSync(daemon.directory, 0o755);
    alice = await ClientProcess.start(daemon, ALICE);
    bob = await ClientProcess.start(daemon, BOB);
  });
  afterAll(async () => {
    await alice?.kill();
    await bob?.kill();
    await daemon?.[Symbol.asyncDispose]();
  });

  test('are told apart by the kernel: a grant for one user opens nothing for another', async () => {
    const { id } = await alice.tell('allocate', { sizeBytes: 4096 });
    await alice.tell('share', { bufferId: id, name: 'for-bob', uid: BOB });
    await using eve = await ClientProcess.start(daemon, 4003);
    await expect(eve.tell('open', { name: 'for-bob' })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    expect(await bob.tell('open', { name: 'for-bob' })).toMatchObject({ id, isOwner: false });
    await bob.tell('release', { bufferId: id });
    await alice.tell('release', { bufferId: id });
  });

  test('see nothing of each other’s buffers, not even that they exist', async () => {
    const { id } = await alice.tell('allocate', { sizeBytes: 4096 });
    const ofAlice = bob.tell('describe', { bufferId: id });
    await expect(ofAlice).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const ofNobody = bob.tell('describe', { bufferId: 999_999 });
    await expect(ofNobody).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await alice.tell('release', { bufferId: id });
  });

  test('may not look at everything, which root may', async () => {
    await expect(bob.tell('listAll', {})).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
    expect(await daemon.inspector.list()).toEqual([]);
  });

  // To the kernel the root of many a container is uid 0, too.
  test('may not look at everything as root of a pid namespace of its own', async () => {
    const list = [DMABUFCTL, '--runtime-dir', daemon.runtimeDirectory, 'list'];
    const inside = spawn('unshare', ['--pid', '--fork', process.execPath, ...list]);
    let stderr = '';
    inside.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    const [exitCode] = await once(inside, 'close');
    expect({ exitCode, stderr }).toEqual({
      exitCode: 5,
      stderr: expect.stringContaining('may not list the buffers of all sessions'),
    });
  });

  test('may not share on what was only lent to them', async () => {
    const { id } = await alice.tell('allocate', { sizeBytes: 4096 });
    await alice.tell('share', { bufferId: id, name: 'lent' });
    await bob.tell('open', { name: 'lent' });
    const passedOn = bob.tell('share', { bufferId: id, name: 'passed-on' });
    await expect(passedOn).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
    await alice.tell('release', { bufferId: id });
    // The owner is gone, and the buffer stays for as long as bob leases it.
    expect(await bob.tell('read', { bufferId: id, offset: 0, length: 1 })).toBe('\0');
    await bob.tell('release', { bufferId: id });
  });

  test('cannot write through the fd of a memfd that they may only read, and are told so', async () => {
    const { id } = await alice.tell('allocate', { sizeBytes: 4096, heap: 'memfd' });
    await alice.tell('share', { bufferId: id, name: 'to-read', access: 'read' });
    expect(await bob.tell('open', { name: 'to-read' })).toMatchObject({
      access: 'read',
      readOnlyEnforced: true,
    });
    expect(await bob.tell('reopenForWriting', { bufferId: id })).toBe('EACCES');
    expect(await alice.tell('reopenForWriting', { bufferId: id })).toBe('EACCES');
    await bob.tell('release', { bufferId: id });
    await alice.tell('release', { bufferId: id });
  });
});

describeAsRoot('a daemon that was not told to let others in', () => {
  test('is not to be connected to by them', async () => {
    await using daemon = await DaemonProcess.start();
    chmodSync(daemon.directory, 0o755);
    const stranger = ClientProcess.start(daemon, 4001);
    await expect(stranger).rejects.toMatchObject({
      message: expect.stringMatching(/this user may not connect to .*: it is for uid 0 alone/),
    });
  });
});
