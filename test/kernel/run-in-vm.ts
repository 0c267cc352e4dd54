/**
 * The host's side of the tests in the VM: makes what they use, boots, and reads what was counted. There are two: the kernel
 * tests see this machine's system, with another kernel; the service tests have a Debian system of their own, with systemd.
 */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Counts, NO_TESTS, projectRoot, readCounts } from '../jest-run';
import { buildImages } from './images';
import { PACKAGE_DIRECTORY, PROGRAMS_DIRECTORY, REPORT_NAME, SLOWNESS } from './in-vm-settings';
import { runInVm } from './vm/boot';
import type { VmFiles } from './vm/provision';

const TIMEOUT_MS = 60 * 60_000;
const PROGRAMS = ['conformance/kernel-call.c', 'vgem/vgem-device.c'];
/** Debian's own: there is no other in that system. */
const NODE_OF_THE_SYSTEM = '/usr/bin/node';

type Say = (message: string) => void;

/** Runs dist/test/kernel/in-vm.js in the VM, and answers how many of its tests did what. */
export async function runKernelTests(files: VmFiles, say: Say): Promise<Counts> {
  await compilePrograms();
  say(
    `kernel tests: booting Debian ${files.kernel.release} in QEMU, an emulated machine: this takes minutes`,
  );
  return runTests('kernel tests', files, [process.execPath, 'kernel'], say);
}

/** The same on a system with systemd, in which the package is installed. */
export async function runServiceTests(
  files: VmFiles,
  systemDir: string,
  say: Say,
): Promise<Counts> {
  await buildImages(await buildPackage(), files.cacheDir, say);
  say('service tests: booting a Debian 13 system with systemd in QEMU');
  return runTests('service tests', files, [NODE_OF_THE_SYSTEM, 'service'], say, systemDir);
}

/** Compiles here, where it is fast. A compiler is there: the addon was built with it. */
async function compilePrograms(): Promise<void> {
  await mkdir(PROGRAMS_DIRECTORY, { recursive: true });
  for (const source of PROGRAMS) {
    const program = join(PROGRAMS_DIRECTORY, source.replace(/^.*\/|\.c$/g, ''));
    const flags = ['-std=c11', '-D_GNU_SOURCE', '-O1', '-Wall', '-Wextra', '-Werror'];
    await promisify(execFile)(process.env.CC ?? 'cc', [
      ...flags,
      '-o',
      program,
      join(projectRoot, 'test', 'kernel', source),
    ]);
  }
}

async function buildPackage(): Promise<string> {
  await rm(PACKAGE_DIRECTORY, { recursive: true, force: true });
  const build = join(projectRoot, 'dist', 'packaging', 'build-deb.js');
  await promisify(execFile)(process.execPath, [build, '--out', PACKAGE_DIRECTORY]);
  const [name] = await readdir(PACKAGE_DIRECTORY);
  if (name === undefined) throw new Error(`no package in ${PACKAGE_DIRECTORY} after ${build}`);
  return join(PACKAGE_DIRECTORY, name);
}

async function runTests(
  what: string,
  files: VmFiles,
  [node, suite]: readonly [string, 'kernel' | 'service'],
  say: Say,
  systemDir?: string,
): Promise<Counts> {
  const resultsDir = await mkdtemp(join(tmpdir(), 'dmabufd-kernel-'));
  try {
    const program = join(projectRoot, 'dist', 'test', 'kernel', 'in-vm.js');
    const { exitCode, seconds } = await runInVm(files, {
      command: [node, program, suite, '/results'],
      cwd: projectRoot,
      env: { DMABUFD_TEST_SLOWNESS: String(SLOWNESS) },
      timeoutMs: TIMEOUT_MS,
      resultsDir,
      systemDir,
      onOutput: (chunk, stream) => process[stream].write(chunk),
    });
    say(`${what}: ${seconds.toFixed(0)} s`);
    const counts = await readCounts(join(resultsDir, REPORT_NAME)).catch(() => NO_TESTS);
    return exitCode !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
  } finally {
    await rm(resultsDir, { recursive: true, force: true });
  }
}
