/**
 * `npm run fuzz`: the fuzz targets of native/fuzz for as long as one likes. Exit code 0 says that none of them found
 * anything, 1 that one did, 2 that it could not be run.
 */
import { Command, Option } from 'commander';
import { positiveInteger } from '../host/command-line';
import { findOrInstallClang } from './clang';
import { fuzzDirectory } from './run-target';
import { fuzzAll } from './run-targets';
import { TARGETS } from './targets';

interface Options {
  readonly seconds: number;
  readonly target?: string;
}

function say(message: string): void {
  process.stderr.write(`${message}\n`);
}

async function run(options: Options): Promise<void> {
  const clang = await findOrInstallClang(say);
  if (!clang.ready) {
    say(`cannot fuzz here: ${clang.reason}. To enable it: ${clang.remedy}`);
    process.exitCode = 2;
    return;
  }
  const targets = TARGETS.filter(({ name }) => [undefined, name].includes(options.target));
  for (const { name, of } of targets) say(`fuzz ${name}: ${of}`);
  const results = await fuzzAll(clang.compiler, targets, options.seconds, (message) =>
    process.stdout.write(`${message}\n`),
  );
  say(`grown corpora and findings: ${fuzzDirectory}`);
  process.exitCode = results.some(({ finding }) => finding !== null) ? 1 : 0;
}

new Command('fuzz')
  .description(
    'Run the fuzz targets of native/fuzz under AddressSanitizer and UndefinedBehaviorSanitizer. They go on from the corpus that earlier runs left in the cache. The exit code is 1 if one found something.',
  )
  .option('--seconds <number>', 'how long to run each target', positiveInteger, 60)
  .addOption(
    new Option('--target <name>', 'run this one only').choices(TARGETS.map(({ name }) => name)),
  )
  .action(run)
  .parseAsync()
  .catch((error: unknown) => {
    say(error instanceof Error ? error.message : String(error));
    process.exitCode = 2;
  });
