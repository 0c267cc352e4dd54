import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { CONTROL_SOCKET_NAME } from '../../proto';
import { ClientProcess } from './client-process';
import { DaemonProcess } from './daemon-process';
import { dmabufctl } from './dmabufctl-process';
import type { Theft } from './processes/call-with-token';
import { RawFdClient } from './raw-fd-client';
import { eventually } from './slowness';

const THIEF = join(__dirname, 'processes', 'call-with-token.js');
/** As an engine starts a container, without the rest of one. */
const CONTAINED = ['unshare', '--pid', '--cgroup', '--fork', '--kill-child', '--mount-proc'];

/** unshare --fork has one. proc_pid_task(5) */
const childOf = (pid: number) =>
  Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim());

// Only root can make namespaces. Elsewhere these tests say that they were skipped.
const describeAsRoot = process.getuid?.() === 0 ? describe : describe.skip;

/** Since Linux 6.9 a process that has no pid here has a name all the same: the inode of its pidfd. */
function hasPidfs(): boolean {
  const [major = 0, minor = 0] = release().split('.').map(Number);
  return major > 6 || (major === 6 && minor >= 9);
}

describeAsRoot('a daemon in a container, whose clients are outside', () => {
  let daemon: DaemonProcess;
  beforeAll(async () => {
    daemon = await DaemonProcess.startBy(CONTAINED, 0);
  });
  afterAll(() => daemon?.[Symbol.asyncDispose]());

  test('says what it does not see: at its start, to whoever asks, and to doctor', async () => {
    expect(daemon.log).toContain('in a pid namespace of its own');
    expect(daemon.log).toContain('in a cgroup namespace of its own');
    const status = await daemon.inspector.status();
    expect(status).toMatchObject({ hasOwnPidNamespace: true, hasOwnCgroupNamespace: true });
    // Root outside is no administrator: it might as well be root of another container.
    expect(status).toMatchObject({ caller: { pid: 0, uid: 0 }, callerIsAdministrator: false });
    const unseen = 'pid, name, unit and container of who is outside its container';
    expect((await dmabufctl(daemon, 'status')).stdout).toMatch(new RegExp(`not seen: +${unseen}`));
    expect((await dmabufctl(daemon, 'doctor')).stdout).toContain(`does not see ${unseen}`);
  });

  test('serves them by an identity that no other process has had since boot (Linux 6.9)', async () => {
    if (!hasPidfs()) {
      const refused = ClientProcess.start(daemon).then((client) => client.tell('listAll', {}));
      return expect(refused).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    }
    await using camera = await ClientProcess.start(daemon);
    await using display = await ClientProcess.start(daemon);
    const { id } = await camera.tell('allocate', { sizeBytes: 4096 });
    await camera.tell('write', { bufferId: id, offset: 0, text: 'a frame' });
    await camera.tell('share', { bufferId: id, name: 'frame' });
    expect(await display.tell('open', { name: 'frame' })).toMatchObject({ id, isOwner: false });
    expect(await display.tell('read', { bufferId: id, offset: 0, length: 7 })).toBe('a frame');
  });

  test('takes a stolen token from none of them', async () => {
    using client = await RawFdClient.connect(daemon);
    const thief = fork(THIEF);
    const controlSocket = join(daemon.runtimeDirectory, CONTROL_SOCKET_NAME);
    const theft: Theft = { controlSocket, tokenHex: Buffer.from(client.token).toString('hex') };
    thief.send(theft);
    expect(await once(thief, 'message')).toContain('UNAUTHENTICATED');
  });

  test('sees that one of them has died', async () => {
    if (!hasPidfs()) return;
    await using mortal = await ClientProcess.start(daemon);
    const { id } = await mortal.tell('allocate', { sizeBytes: 4096 });
    await mortal.tell('share', { bufferId: id, name: 'of-a-mortal' });
    await mortal.kill();
    await using other = await ClientProcess.start(daemon);
    await expect(other.tell('open', { name: 'of-a-mortal' })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
  });

  test('tells of each rule of its policy that is to keep out whom it cannot see', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'dmabufd-policy-'));
    const file = join(directory, 'policy.yaml');
    const write = (name: string) => {
      const rule = `{ name: ${name}, match: { container: "*" }, deny: true }`;
      const text = `version: 1\nrules:\n  - ${rule}\ndefault: { allow: {} }\n`;
      writeFileSync(file, text, { mode: 0o644 });
    };
    const complaint = (name: string) =>
      new RegExp(
        `"level":50.*${name} \\(.*policy\\.yaml:3\\).*keeps out nobody whom the daemon cannot see`,
      );
    write('jail');
    await using guarded = await DaemonProcess.startBy(CONTAINED, 0, '--policy', file);
    expect(guarded.log).toMatch(complaint('jail'));
    write('cage');
    process.kill(childOf(guarded.pid), 'SIGHUP');
    await eventually('it is told of at a reload, too', () => complaint('cage').test(guarded.log));
    rmSync(directory, { recursive: true });
  });
});
