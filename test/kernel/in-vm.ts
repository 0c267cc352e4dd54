/**
 * The VM's side of the kernel tests. The order matters: the last of them shows that nothing of all that came before is
 * left in the kernel.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { add, runJest } from '../jest-run';
import { REPORT_NAME } from './in-vm-settings';

/** E2e tests that ask the kernel nothing that the host's kernel does not answer alike. Emulated, they take long. */
const NOT_OF_THE_KERNEL = [
  'audit',
  'dmabufctl',
  'docs',
  'policy',
  'stolen-token',
  'hostile/(call-floods|control-frames|fd-exhaustion|floods|fuzzed-messages|lazy-readers)',
  'hostile/(names-and-memory|quotas|runtime-directory|sigkill)',
];

async function main(resultsDirectory: string): Promise<void> {
  // One file at a time where the machine's dma-bufs are counted; elsewhere one for each processor.
  let counts = await runJest(['kernel/conformance', 'kernel/devices'], ['--runInBand']);
  const elsewhere = `--testPathIgnorePatterns=e2e/(${NOT_OF_THE_KERNEL.join('|')})`;
  counts = add(counts, await runJest(['native', 'e2e'], ['--maxWorkers=2', elsewhere]));
  counts = add(counts, await runJest(['kernel/afterwards'], ['--runInBand']));
  const report = {
    numPassedTests: counts.passed,
    numFailedTests: counts.failed,
    numPendingTests: counts.skipped,
  };
  await writeFile(join(resultsDirectory, REPORT_NAME), JSON.stringify(report));
  process.exitCode = counts.failed === 0 ? 0 : 1;
}

main(process.argv[2] ?? '.').catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exitCode = 1;
});
