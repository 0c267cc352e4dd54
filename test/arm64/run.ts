/**
 * The package for arm64, cross-compiled and run: QEMU translates its programs one by one, with what Debian's arm64 has for them.
 * The kernel below them is this machine's.
 */
import { existsSync, symlinkSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cachedEntry } from '../host/cache-directory';
import { findOrInstall } from '../host/debian-packages';
import { makeDebian } from '../host/make-debian';
import { runTool } from '../host/run-tool';
import { type Counts, NO_TESTS, projectRoot, runJest } from '../jest-run';
import { QEMU, SETTINGS } from './settings';

const NEEDED = { [QEMU]: 'qemu-user-static', 'aarch64-linux-gnu-g++': 'g++-aarch64-linux-gnu' };

type Say = (message: string) => void;

export async function testOnArm64(cacheDir: string, say: Say): Promise<Counts> {
  const [system] = await Promise.allSettled([provide(cacheDir, say)]);
  if (system.status === 'rejected') {
    say(`arm64 tests skipped: ${system.reason}. To enable them: run as root on Debian`);
    return { ...NO_TESTS, skipped: 1 };
  }
  const place = await mkdtemp(join(tmpdir(), 'dmabufd-arm64-'));
  try {
    return await runJest(['arm64'], [], {
      ...process.env,
      [SETTINGS.system]: system.value,
      [SETTINGS.package]: await unpackedPackage(place, say),
    });
  } finally {
    await rm(place, { recursive: true, force: true });
  }
}

/** The programs, and Debian's arm64 for them. */
async function provide(cacheDir: string, say: Say): Promise<string> {
  for (const [program, name] of Object.entries(NEEDED)) await findOrInstall(program, name, say);
  return findOrMakeSystem(cacheDir, say);
}

function findOrMakeSystem(cacheDir: string, say: Say): Promise<string> {
  return cachedEntry(cacheDir, 'debian-13-arm64', async (aside) => {
    const root = join(aside, 'root');
    say('unpacking what Debian’s arm64 has for node (about 130 MB)');
    const system = { packages: ['nodejs'], architecture: 'arm64', variant: 'extract' } as const;
    await makeDebian(system, root, say);
    // A script of a package would have made it.
    if (!existsSync(join(root, 'lib'))) symlinkSync('usr/lib', join(root, 'lib'));
    return root;
  });
}

async function unpackedPackage(place: string, say: Say): Promise<string> {
  say('cross-compiling the package for arm64');
  const build = ['run', '--silent', 'deb', '--', '--arch', 'arm64', '--out', place];
  await runTool('npm', build, { timeoutMs: 10 * 60_000, cwd: projectRoot, lastLines: 20 });
  const [file] = (await readdir(place)).filter((name) => name.endsWith('.deb'));
  if (file === undefined) throw new Error(`npm run deb left no package in ${place}`);
  const root = join(place, 'root');
  await runTool('dpkg-deb', ['--raw-extract', join(place, file), root], { timeoutMs: 60_000 });
  return root;
}
