/**
 * `npm run sanitize`: the native tests on a sanitized addon, then the fd plane under ThreadSanitizer. Exit code 0 says
 * that nothing was found.
 */
import { Command } from 'commander';
import { positiveInteger } from '../host/command-line';
import { runSanitized } from './run';

function say(message: string): void {
  process.stderr.write(`${message}\n`);
}

new Command('sanitize')
  .description(
    'Run the native tests on an addon built with AddressSanitizer, LeakSanitizer and UndefinedBehaviorSanitizer, then hammer the fd plane under ThreadSanitizer. The exit code is 1 if something was found.',
  )
  .option('--race-seconds <number>', 'how long to hammer the fd plane', positiveInteger, 60)
  .action(async (options: { readonly raceSeconds: number }) => {
    const { passed, failed } = await runSanitized(options.raceSeconds, say);
    process.stdout.write(`${passed} passed, ${failed} failed\n`);
    process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
  })
  .parseAsync();
