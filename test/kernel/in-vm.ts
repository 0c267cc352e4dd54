/**
 * The VM's side of the kernel tests. The order matters: the last of them shows that nothing of all that came before is
 * left in the kernel.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { add, runJest } from '../jest-run';
import { REPORT_NAME } from './in-vm-settings';

async function main(resultsDirectory: string): Promise<void> {
  // One file at a time where the machine's dma-bufs are counted; elsewhere one for each processor.
  let counts = await runJest(['kernel/conformance', 'kernel/devices'], ['--runInBand']);
  counts = add(counts, await runJest(['native', 'e2e'], ['--maxWorkers=2']));
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
