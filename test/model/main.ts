/**
 * `npm run model`: the domain against its model (test/unit/server/domain/broker-model.test.ts) for as many random
 * sequences of operations as one likes. Exit code 0 says that they agreed after every step.
 */
import { Command } from 'commander';
import { positiveInteger } from '../host/command-line';
import { run } from '../jest-run';

/** Far more than a sequence takes, which is some ten milliseconds. */
const MOST_MS_PER_RUN = 500;
/** The longest timer there is. */
const MOST_MS = 2 ** 31 - 1;

new Command('model')
  .description(
    'Run the domain against its model with other random sequences of up to 100 operations each time. A failure is shrunk to a short sequence, and shown with the seed that brings it back. 20,000 sequences take some five minutes.',
  )
  .option('--runs <number>', 'how many sequences', positiveInteger, 20_000)
  .action(async ({ runs }: { readonly runs: number }) => {
    const args = [
      require.resolve('jest/bin/jest'),
      `--testTimeout=${Math.min(runs * MOST_MS_PER_RUN, MOST_MS)}`,
      'dist/test/unit/server/domain/broker-model.test.js',
    ];
    const env = { ...process.env, DMABUFD_MODEL_RUNS: String(runs) };
    process.exitCode = await run(process.execPath, args, env);
  })
  .parseAsync();
