/** `npm run soak`: a daemon that is used and abused for as long as one likes, and has nothing left of it at the end. */
import { Command } from 'commander';
import { positiveInteger } from '../host/command-line';
import { soak } from './soak';

new Command('soak')
  .description(
    'Let clients come, allocate, adopt, share, wait, be denied, and leave or be killed with what they hold. Exit code 0 says that the daemon has the fds, the threads and the ledger then that it had at the start, and within some MiB the memory that it had after a quarter of the time.',
  )
  .option('--minutes <number>', 'for how long', positiveInteger, 10)
  .option('--seed <number>', 'of the random steps', positiveInteger, (Date.now() % 2 ** 31) + 1)
  .action(async ({ minutes, seed }: { readonly minutes: number; readonly seed: number }) => {
    process.stderr.write(`seed ${seed}\n`);
    const outcome = await soak(minutes * 60, seed, (message) => {
      process.stderr.write(`${message}\n`);
    });
    process.stdout.write(`${JSON.stringify(outcome, null, 2)}\n`);
    process.exitCode = outcome.differences.length === 0 ? 0 : 1;
  })
  .parseAsync();
