import { fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { projectRoot } from '../../jest-run';
import { DaemonProcess } from '../daemon-process';
import { patience } from '../slowness';
import { ATTACKER_UID, Attack } from './attack';
import { HonestClient } from './honest-client';
import type { Seeker } from './processes/find-daemon';
import { describeAsRoot, HONEST_UID } from './siege';

const PROGRAM = join(projectRoot, 'dist', 'server', 'main.js');
const SEEKER = join(__dirname, 'processes', 'find-daemon.js');

describeAsRoot('a runtime directory that others have had a hand in', () => {
  let parent: string;
  let directory: string;

  beforeEach(() => {
    parent = mkdtempSync(join(tmpdir(), 'dmabufd-directory-'));
    chmodSync(parent, 0o755);
    directory = join(parent, 'run');
  });
  afterEach(() => rmSync(parent, { recursive: true, force: true }));

  /** Starts a daemon there, which must refuse. Answers its last words. */
  async function refusal(): Promise<string> {
    const daemon = spawn(process.execPath, [PROGRAM, '--no-policy', '--runtime-dir', directory], {
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: patience(),
    });
    let log = '';
    daemon.stderr.on('data', (chunk: Buffer) => {
      log += chunk.toString();
    });
    await once(daemon, 'close');
    expect(daemon.exitCode).toBe(1);
    const { level, msg } = JSON.parse(log.trimEnd().split('\n').pop() ?? '{}');
    expect(level).toBe(60);
    return msg;
  }

  test('is refused if it is a symlink', async () => {
    mkdirSync(join(parent, 'elsewhere'));
    symlinkSync(join(parent, 'elsewhere'), directory);
    expect(await refusal()).toMatch(/symbolic link/);
  });

  test('is refused if it is another user’s', async () => {
    mkdirSync(directory);
    chownSync(directory, ATTACKER_UID, ATTACKER_UID);
    expect(await refusal()).toMatch(`belongs to uid ${ATTACKER_UID}`);
  });

  test.each([0o777, 0o1777, 0o775])(
    'is refused if others may write in it: mode %o',
    async (mode) => {
      mkdirSync(directory);
      chmodSync(directory, mode);
      expect(await refusal()).toMatch(/lets others write in it/);
    },
  );

  test('is refused if a directory is where a socket is to be', async () => {
    mkdirSync(join(directory, 'fd.sock'), { recursive: true });
    expect(await refusal()).toMatch(/fd\.sock is a directory/);
    expect(existsSync(join(directory, 'fd.sock'))).toBe(true);
  });

  test('is refused while somebody has its lock, and his sockets are left alone', async () => {
    mkdirSync(directory);
    await using holder = await Attack.listen(directory, ['locked'], 0);
    expect(await refusal()).toMatch(`runs in ${directory} already: pid ${holder.pids[0]}`);
    expect(existsSync(join(directory, 'fd.sock'))).toBe(true);
  });

  test('is taken from a stranger who listens in it without the lock, and nobody comes to him', async () => {
    mkdirSync(directory);
    chownSync(directory, ATTACKER_UID, ATTACKER_UID);
    await using impostor = await Attack.listen(directory, [], ATTACKER_UID);
    chownSync(directory, 0, 0);
    expect(lstatSync(join(directory, 'fd.sock')).uid).toBe(ATTACKER_UID);
    await using daemon = await DaemonProcess.startIn(parent, '--socket-mode', '0666');
    expect(lstatSync(join(directory, 'fd.sock')).uid).toBe(0);
    // Whoever asked whether it is there yet.
    const before = impostor.said.length;
    await using honest = await HonestClient.start(daemon, HONEST_UID);
    honest.work();
    await honest.rounds(2);
    expect(honest.report.errors).toEqual([]);
    expect(impostor.said).toHaveLength(before);
  });
});

describeAsRoot('a daemon in /tmp that another user has made', () => {
  const VICTIM_UID = 4177;
  const directory = `/tmp/dmabufd-${VICTIM_UID}`;

  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  test('is not connected to by the SDK', async () => {
    await using daemon = await DaemonProcess.start();
    await using impostor = await Attack.listen(directory, [], ATTACKER_UID);
    const { DMABUFD_RUNTIME_DIR, XDG_RUNTIME_DIR, ...env } = process.env;
    const seeker = fork(SEEKER, { env });
    const told: Seeker = { uid: VICTIM_UID, runtimeDirectory: daemon.runtimeDirectory };
    seeker.send(told);
    const [found] = await once(seeker, 'message');
    expect(found).toBe(
      `PERMISSION_DENIED: ${directory} belongs to another user: not trusted. Set XDG_RUNTIME_DIR or DMABUFD_RUNTIME_DIR`,
    );
    expect(impostor.said).toEqual([]);
  });
});
