/**
 * The host's side of the kernel tests: compiles the C programs that they use, boots the VM, and reads what it counted.
 */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Counts, NO_TESTS, projectRoot, readCounts } from '../jest-run';
import { PROGRAMS_DIRECTORY, REPORT_NAME, SLOWNESS } from './in-vm-settings';
import { runInVm } from './vm/boot';
import type { VmFiles } from './vm/provision';

const TIMEOUT_MS = 20 * 60_000;
const PROGRAMS = ['conformance/kernel-call.c', 'vgem/vgem-device.c'];

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

/** Runs dist/test/kernel/in-vm.js in the VM, and answers how many of its tests did what. */
export async function runKernelTests(
  files: VmFiles,
  say: (message: string) => void,
): Promise<Counts> {
  await compilePrograms();
  const resultsDir = await mkdtemp(join(tmpdir(), 'dmabufd-kernel-'));
  try {
    say(
      `kernel tests: booting Debian ${files.kernel.release} in QEMU, an emulated machine: this takes minutes`,
    );
    const { exitCode, seconds } = await runInVm(files, {
      command: [
        process.execPath,
        join(projectRoot, 'dist', 'test', 'kernel', 'in-vm.js'),
        '/results',
      ],
      cwd: projectRoot,
      env: { DMABUFD_TEST_SLOWNESS: String(SLOWNESS) },
      timeoutMs: TIMEOUT_MS,
      resultsDir,
      onOutput: (chunk, stream) => process[stream].write(chunk),
    });
    say(`kernel tests: ${seconds.toFixed(0)} s`);
    const counts = await readCounts(join(resultsDir, REPORT_NAME)).catch(() => NO_TESTS);
    return exitCode !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
  } finally {
    await rm(resultsDir, { recursive: true, force: true });
  }
}
