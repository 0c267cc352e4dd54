import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { DaemonProcess } from './daemon-process';
import { dmabufctl } from './dmabufctl-process';
import { patience, SLOWNESS } from './slowness';

const run = promisify(execFile);
const ROOT = dirname(require.resolve('../../../package.json'));
const TSC = join(dirname(require.resolve('typescript/package.json')), 'bin', 'tsc');

/** The contents of a page's fenced blocks of one language, in order. */
function blocksOf(page: string, language: string): string[] {
  const text = readFileSync(join(ROOT, 'docs', page), 'utf8');
  return [...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)]
    .filter(([, found]) => found === language)
    .map(([, , content = '']) => content);
}

describe('docs/sdk.md', () => {
  test('is a program that compiles against the package, runs, and prints what it says', async () => {
    await using daemon = await DaemonProcess.start();
    const project = join(daemon.directory, 'tour');
    mkdirSync(join(project, 'node_modules', '@types'), { recursive: true });
    symlinkSync(ROOT, join(project, 'node_modules', 'dmabufd'));
    const types = join('node_modules', '@types', 'node');
    symlinkSync(join(ROOT, types), join(project, types));
    writeFileSync(join(project, 'package.json'), '{ "type": "module" }');
    writeFileSync(join(project, 'tour.ts'), blocksOf('sdk.md', 'ts').join('\n'));
    const options = [
      '--module',
      'node20',
      '--target',
      'es2023',
      '--lib',
      'es2023,esnext.disposable',
    ];
    const strict = ['--strict', '--noUncheckedIndexedAccess', '--skipLibCheck', '--types', 'node'];
    await run(process.execPath, [TSC, ...options, ...strict, 'tour.ts'], { cwd: project });
    const env = { ...process.env, DMABUFD_RUNTIME_DIR: daemon.runtimeDirectory };
    const { stdout } = await run(process.execPath, [join(project, 'tour.js')], { env });
    expect(stdout).toBe(blocksOf('sdk.md', 'text').join(''));
  });
});

describe('docs/policy.md', () => {
  test('shows a policy that a daemon takes, and that means what the page says', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'dmabufd-policy-'));
    const file = join(directory, 'policy.yaml');
    writeFileSync(file, blocksOf('policy.md', 'yaml').join(''), { mode: 0o644 });
    await using daemon = await DaemonProcess.start('--policy', file);
    rmSync(directory, { recursive: true });
    const explain = (uid: number, cgroup: string) =>
      daemon.inspector.explainPolicy({ uid, cgroup });
    const camera = await explain(990, '/system.slice/camera.service');
    expect(camera.steps.at(-1)?.rule).toBe('camera');
    expect(camera.rights).toMatchObject({ publish: ['camera0/*'], open: [] });
    const contained = await explain(0, `/system.slice/docker-${'a'.repeat(64)}.scope`);
    expect(contained.account).toBe(`container ${'a'.repeat(64)}`);
    const user = '/user.slice/user-1000.slice/user@1000.service/app.slice/camera.service';
    expect((await explain(1000, user)).rights).toBeNull();
  });
});

describe('docs/dmabufctl.md', () => {
  test('has every command and every exit code that --help has', async () => {
    const { stdout } = await dmabufctl(null, '--help');
    // The formatter pads the columns of tables.
    const page = readFileSync(join(ROOT, 'docs', 'dmabufctl.md'), 'utf8').replace(/ +/g, ' ');
    const commands = [...stdout.matchAll(/^ {2}([a-z]+) .*\S {2,}\S/gm)].map(([, name]) => name);
    expect(commands).toContain('allocate');
    for (const name of commands.filter((each) => each !== 'help'))
      expect(page).toContain(`| \`${name}`);
    const codes = [...stdout.matchAll(/^ {2}(\d) {2}(.+)$/gm)];
    expect(codes).toHaveLength(8);
    for (const [, code, meaning] of codes) expect(page).toContain(`| ${code} | ${meaning}`);
  });
});

describe('README.md', () => {
  test('shows a session on the command line that works as it stands', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'dmabufd-readme-'));
    const block = /^## On the command line\n\n```sh\n(.*?)^```$/ms.exec(
      readFileSync(join(ROOT, 'README.md'), 'utf8'),
    )?.[1];
    // Elsewhere than where a reader may be trying it, with time for an emulated machine, and in a shell that takes aliases.
    const script = (block ?? '')
      .replaceAll('/tmp/dmabufd-try', join(directory, 'try'))
      .replaceAll('sleep 1', `sleep ${SLOWNESS > 1 ? 20 : 1}`);
    expect(script).toContain(directory);
    try {
      const { stdout } = await run('bash', ['-O', 'expand_aliases', '-m', '-c', script], {
        cwd: ROOT,
        timeout: patience(60_000),
      });
      expect(stdout).toContain('wrote 6 B');
      expect(stdout).toMatch(/^hello$/m);
      expect(stdout).toMatch(/^ID /m);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
