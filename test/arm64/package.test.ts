import { type ChildProcessByStdio, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { QEMU, SETTINGS } from './settings';

/** e_machine of <elf.h>. */
const EM_AARCH64 = 183;
const TIMEOUT_MS = 180_000;

const system = setting(SETTINGS.system);
const unpacked = setting(SETTINGS.package);
const app = join(unpacked, 'usr', 'lib', 'dmabufd');
const SDK = join(app, 'dist', 'client', 'index.js');
const node = [QEMU, '-L', system, join(system, 'usr', 'bin', 'node')] as const;

function setting(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set: run these tests by npm test`);
  return value;
}

function filesOf(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

function runNode(...args: string[]): string {
  const [program, ...before] = node;
  return execFileSync(program, [...before, ...args], { encoding: 'utf8', timeout: TIMEOUT_MS });
}

class Daemon implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'dmabufd-arm64-'));
  readonly #process: ChildProcessByStdio<null, null, Readable>;

  constructor() {
    const [program, ...before] = node;
    const main = join(app, 'dist', 'server', 'main.js');
    this.#process = spawn(program, [...before, main, '--runtime-dir', this.directory], {
      stdio: ['ignore', 'inherit', 'pipe'],
    });
  }

  /** As its log says. */
  ready(): Promise<void> {
    return new Promise((resolve, reject) => {
      let log = '';
      this.#process.stderr.on('data', (chunk: Buffer) => {
        log += chunk.toString();
        if (log.includes('"msg":"ready"')) resolve();
      });
      this.#process.stderr.on('end', () => reject(new Error(`ended before it was ready: ${log}`)));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await ended;
    rmSync(this.directory, { recursive: true, force: true });
  }
}

/** One process shares a buffer, another one reads in it what the first has written. */
const SHARE = `
(async () => {
  // As ES modules do.
  const { connect } = await import(process.argv[1]);
  const at = { runtimeDirectory: process.argv[2] };
  const camera = await connect(at);
  const viewer = await connect(at);
  const frame = await camera.allocate({ sizeBytes: 8192 });
  await frame.access('write', (view) => view.fill(42));
  await frame.share({ name: 'cam' });
  const seen = await viewer.open({ name: 'cam' });
  const sum = await seen.access('read', (view) => view.reduce((a, b) => a + b, 0));
  console.log(process.arch, seen.sizeBytes, sum);
  await viewer.close();
  await camera.close();
})();
`;

describe('the arm64 package', () => {
  test('is of that architecture, and so is every binary in it', () => {
    expect(readFileSync(join(unpacked, 'DEBIAN', 'control'), 'utf8')).toContain(
      '\nArchitecture: arm64\n',
    );
    const binaries = filesOf(unpacked)
      .map((path) => ({ path, head: readFileSync(path).subarray(0, 20) }))
      .filter(({ head }) => head.subarray(0, 4).equals(Buffer.from('\x7fELF', 'latin1')));
    expect(binaries.map(({ path }) => path)).toEqual([
      join(app, 'native', 'build', 'Release', 'dmabufd.node'),
    ]);
    for (const { head } of binaries) expect(head.readUInt16LE(18)).toBe(EM_AARCH64);
  });

  test(
    'has a daemon, a dmabufctl and an SDK that share a buffer',
    async () => {
      await using daemon = new Daemon();
      await daemon.ready();
      expect(runNode('-e', SHARE, SDK, daemon.directory)).toBe(`arm64 8192 ${8192 * 42}\n`);
      const ctl = join(app, 'dist', 'client', 'cli', 'main.js');
      expect(runNode(ctl, '--runtime-dir', daemon.directory, 'status')).toMatch(/buffers: +0,/);
    },
    TIMEOUT_MS,
  );
});
