import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ClientProcess } from './client-process';
import { DaemonProcess } from './daemon-process';
import { dmabufctl, type Outcome } from './dmabufctl-process';
import { eventually, patience } from './slowness';

const run = promisify(execFile);
const DAEMON = join(__dirname, '..', '..', 'server', 'main.js');
const ALICE = 4001;
// Only root can be several users. Elsewhere these tests say that they were skipped.
const describeAsRoot = process.getuid?.() === 0 ? describe : describe.skip;

/** Alice may do what is said, and nobody else but administrators anything. */
const forAlice = (says: string) => `
version: 1
rules:
  - { name: alice, match: { uid: ${ALICE} }, ${says} }
default: deny
`;

let directory: string;
let file: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'dmabufd-policy-'));
  file = join(directory, 'policy.yaml');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const write = (text: string) => writeFileSync(file, text, { mode: 0o644 });
const rulesOf = async ({ inspector }: DaemonProcess) =>
  (await inspector.policy({ timeoutMs: patience() })).rules.map(({ name }) => name);
const json = ({ stdout }: Outcome): unknown => JSON.parse(stdout);

/** How `dmabufd` ends that is not to go on. */
async function ending(...args: string[]): Promise<Outcome> {
  const options = { timeout: patience() };
  return run(process.execPath, [DAEMON, ...args], options).then(
    ({ stdout, stderr }) => ({ exitCode: 0, stdout, stderr }),
    ({ code, stdout, stderr }) => ({ exitCode: code, stdout, stderr }),
  );
}

describe('a daemon with a policy file', () => {
  test('does not start if the file cannot be taken, and tells all that is wrong', async () => {
    write('version: 2\n');
    const runtime = join(directory, 'run');
    const { exitCode, stderr } = await ending('--policy', file, '--runtime-dir', runtime);
    expect(exitCode).toBe(78);
    expect(JSON.parse(stderr.trimEnd().split('\n').at(-1) ?? '')).toMatchObject({
      msg: 'the policy is refused',
      problems: [
        expect.stringContaining(`${file}:1: version: 2 is not a version: write 1`),
        expect.stringContaining(`${file}:1: default: nothing is not a default`),
      ],
    });
  });

  test('is not needed to check one', async () => {
    write(forAlice('deny: true'));
    expect(await ending('--check-policy', file)).toEqual({
      exitCode: 0,
      stdout: `${file}: ok, 1 rule and a default\n`,
      stderr: '',
    });
    write(forAlice('deny: 7'));
    expect(await ending('--check-policy', file)).toEqual({
      exitCode: 2,
      stdout: '',
      stderr: `${file}:4: rules[0].deny: 7 is not true: write true\n`,
    });
  });

  test('has it reloaded by SIGHUP, and keeps the one before if it cannot be taken', async () => {
    write(forAlice('deny: true'));
    await using daemon = await DaemonProcess.start('--policy', file);
    expect(await rulesOf(daemon)).toEqual(['alice', 'administrators', 'everybody']);

    write('{ version: 1, default: deny }');
    process.kill(daemon.pid, 'SIGHUP');
    await eventually('the policy is reloaded', async () =>
      (await rulesOf(daemon)).length === 2 ? true : undefined,
    );

    write('default: allow');
    process.kill(daemon.pid, 'SIGHUP');
    await eventually('the policy is refused', () =>
      daemon.log.includes('the policy is refused') ? true : undefined,
    );
    expect(daemon.log).toContain(`${file}:1: default: \\"allow\\" is not a default`);
    expect(await rulesOf(daemon)).toEqual(['administrators', 'everybody']);
    expect(daemon.running).toBe(true);
  });

  test('has it shown and reloaded by dmabufctl', async () => {
    write(forAlice('allow: { bytes: 1M }'));
    await using daemon = await DaemonProcess.start('--policy', file);
    const shown = await dmabufctl(daemon, 'policy', 'show');
    expect(shown).toMatchObject({ exitCode: 0, stderr: '' });
    expect(shown.stdout).toContain(`1. alice (${file}:4)\n   holds of:      uid ${ALICE}\n`);
    expect(shown.stdout).toMatch(/at most: +1\.0 MiB, fair shares of buffers/);
    expect(json(await dmabufctl(daemon, '--json', 'policy', 'show'))).toMatchObject({
      source: file,
      rules: [
        { name: 'alice', per: 'uid', rights: { mayAdopt: false, publish: [], open: ['**'] } },
        { name: 'administrators', source: 'built in' },
        { name: 'everybody', criteria: [], rights: null },
      ],
    });

    write('{ version: 1, default: deny }');
    expect(await dmabufctl(daemon, 'policy', 'reload')).toEqual({
      exitCode: 0,
      stdout: `in force: ${file}, 2 rules\n`,
      stderr: '',
    });
  });

  test('answers a reload that is refused with all that is wrong, and exit code 1', async () => {
    write(forAlice('deny: true'));
    await using daemon = await DaemonProcess.start('--policy', file);
    write('version: 2\ndefault: allow\n');
    const { exitCode, stdout, stderr } = await dmabufctl(daemon, 'policy', 'reload');
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' });
    expect(stderr.split('\n')).toEqual([
      'dmabufctl: the policy was not reloaded, and the one before stays in force:',
      `  ${file}:1: version: 2 is not a version: write 1`,
      expect.stringContaining(`  ${file}:2: default: "allow" is not a default: write deny`),
      '',
    ]);
    expect(await rulesOf(daemon)).toContain('alice');

    // Trailers have no room for a long list.
    write(`rules: [${'1, '.repeat(200)}]`);
    const many = await dmabufctl(daemon, 'policy', 'reload');
    expect(many.exitCode).toBe(1);
    expect(many.stderr).toMatch(/ {2}and \d+ more: dmabufd --check-policy tells all\n$/);
  });

  test('explains which rule decides of a process, why no earlier one does, and what is held', async () => {
    write(forAlice('allow: { bytes: 1M }, per: rule'));
    await using daemon = await DaemonProcess.start('--policy', file);
    const explain = (...args: string[]) => dmabufctl(daemon, 'policy', 'explain', ...args);

    const own = await explain();
    expect(own).toMatchObject({ exitCode: 0, stderr: '' });
    expect(own.stdout).toMatch(/^alice +no: uid is \d+, not 4001 +/m);
    expect(own.stdout).toMatch(/^administrators +decides +built in$/m);

    expect(json(await explain('--json', '--uid', String(ALICE)))).toMatchObject({
      peer: { uid: ALICE, gid: ALICE },
      steps: [{ rule: 'alice', source: `${file}:4`, failedReason: null }],
      account: 'rule alice',
      usages: expect.arrayContaining([
        { resource: 'bytes', held: 0, limit: 2 ** 20, kind: 'amount' },
      ]),
    });
    const other = ['--uid', '4002', '--groups', '44,100', '--cgroup', '/system.slice/a.service'];
    const { stdout } = await explain(...other);
    expect(stdout).toMatch(/^groups: +4002, 44, 100$/m);
    expect(stdout).toMatch(/^unit: +a\.service$/m);
    expect(stdout).toMatch(/^may: nothing: it is kept out$/m);

    expect(json(await explain('--json', '--pid', String(daemon.pid)))).toMatchObject({
      peer: { pid: daemon.pid, uid: process.getuid?.() },
      account: `administrator uid ${process.getuid?.()}`,
    });
    expect(await explain('--pid', '4294967295')).toMatchObject({ exitCode: 4 });
    expect(await explain('--uid', '1', '--cgroup', 'relative')).toMatchObject({
      exitCode: 2,
      stderr: expect.stringContaining('attributes.cgroup is "relative"'),
    });
  });
});

describeAsRoot('with a policy file, the daemon', () => {
  async function startFor(says: string): Promise<DaemonProcess> {
    write(forAlice(says));
    const daemon = await DaemonProcess.start('--policy', file, '--socket-mode', '0666');
    chmodSync(daemon.directory, 0o755);
    return daemon;
  }

  test('keeps out whom no rule lets in, and tells which rule did', async () => {
    await using daemon = await startFor('allow: {}');
    await expect(ClientProcess.start(daemon, ALICE + 1)).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
      message: expect.stringContaining(`everybody (${file}:5)`),
    });
  });

  test('holds a user to what the policy gives, from the next request on', async () => {
    await using daemon = await startFor('allow: { bytes: 64K, publish: alice/* }');
    await using alice = await ClientProcess.start(daemon, ALICE);
    const { id } = await alice.tell('allocate', { sizeBytes: 64 * 1024 });
    await expect(alice.tell('allocate', { sizeBytes: 4096 })).rejects.toMatchObject({
      code: 'RESOURCE_EXHAUSTED',
    });
    await alice.tell('share', { bufferId: id, name: 'alice/a' });
    await expect(alice.tell('share', { bufferId: id, name: 'b' })).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
    });

    write(forAlice('allow: { bytes: 128K }'));
    await daemon.inspector.reloadPolicy({ timeoutMs: patience() });
    await alice.tell('allocate', { sizeBytes: 4096 });
    await expect(alice.tell('share', { bufferId: id, name: 'alice/b' })).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
    });
    // What is held already stays.
    expect(await alice.tell('read', { bufferId: id, offset: 0, length: 1 })).toBe('\0');
  });

  test('tells others what the policy says of them, and nothing else of it', async () => {
    await using daemon = await startFor('allow: { bytes: 64K }');
    await using alice = await ClientProcess.start(daemon, ALICE);
    const answers = await alice.tell('askPolicy', { runtimeDirectory: daemon.runtimeDirectory });
    expect(answers).toEqual({
      own: 'alice',
      ofOther: 'PERMISSION_DENIED',
      policy: 'PERMISSION_DENIED',
      reload: 'PERMISSION_DENIED',
    });
  });
});
