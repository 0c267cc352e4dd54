/**
 * The VM's side of the kernel tests, and of the service tests. Of the former the order matters: the last of them shows that
 * nothing of all that came before is left in the kernel.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { add, type Counts, runJest } from '../jest-run';
import { REPORT_NAME } from './in-vm-settings';

/**
 * E2e tests that ask the kernel nothing that the host's kernel does not answer alike, or that the service tests ask of the real
 * systemd. Emulated, they take long.
 */
const NOT_OF_THE_KERNEL = [
  'audit',
  'bad-input',
  'daemon-restart',
  'dmabufctl',
  'docs',
  'events',
  'hostile-control-peers',
  'many-waits',
  'policy',
  'service',
  'stolen-token',
  'hostile/(call-floods|control-frames|fd-exhaustion|floods|fuzzed-messages|lazy-readers)',
  'hostile/(names-and-memory|quotas|runtime-directory|sigkill)',
];

async function runKernelSuite(): Promise<Counts> {
  // One file at a time where the machine's dma-bufs are counted; elsewhere one for each processor.
  let counts = await runJest(['kernel/conformance', 'kernel/devices'], ['--runInBand']);
  const elsewhere = `--testPathIgnorePatterns=e2e/(${NOT_OF_THE_KERNEL.join('|')})`;
  counts = add(counts, await runJest(['native', 'e2e'], ['--maxWorkers=2', elsewhere]));
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
