/**
 * The VM's side of the kernel tests, and of the service tests. Of the former the order matters: the last of them shows that
 * nothing of all that came before is left in the kernel.
 */
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { add, type Counts, projectRoot, runJest } from '../jest-run';
import { REPORT_NAME } from './in-vm-settings';

/**
 * Tests of the host's that ask the kernel what it answers otherwise where there are real dma-bufs. The others would tell nothing
 * new there, and emulated they take long.
 */
const OF_THE_KERNEL = {
  native: ['fd', 'fd-plane', 'fds-in-flight', 'mapping', 'memfd', 'sync'],
  e2e: [
    'adopt',
    'c-client',
    'client-death',
    'cpu-access',
    'demo',
    'fences',
    'leases',
    'lingering',
    'sharing',
  ],
};

async function runKernelSuite(): Promise<Counts> {
  // One file at a time where the machine's dma-bufs are counted; elsewhere one for each processor.
  let counts = await runJest(['kernel/conformance', 'kernel/devices'], ['--runInBand']);
  const files = Object.entries(OF_THE_KERNEL).flatMap(([folder, names]) =>
    names.map((name) => `${folder}/${name}.test.js`),
  );
  const missing = files.filter((file) => !existsSync(join(projectRoot, 'dist', 'test', file)));
  if (missing.length > 0) throw new Error(`there is no ${missing.join(', ')}`);
  counts = add(counts, await runJest(files, ['--maxWorkers=2']));
  return add(counts, await runJest(['kernel/afterwards'], ['--runInBand']));
}

async function main(suite: string, resultsDirectory: string): Promise<void> {
  const counts = await (suite === 'service'
    ? runJest(['kernel/service'], ['--runInBand'])
    : runKernelSuite());
  const report = {
    numPassedTests: counts.passed,
    numFailedTests: counts.failed,
    numPendingTests: counts.skipped,
  };
  await writeFile(join(resultsDirectory, REPORT_NAME), JSON.stringify(report));
  process.exitCode = counts.failed === 0 ? 0 : 1;
}

const [, , suite = 'kernel', resultsDirectory = '.'] = process.argv;
main(suite, resultsDirectory).catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exitCode = 1;
});
