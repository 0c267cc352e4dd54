#!/usr/bin/env node
/**
 * dmabufctl: the one place where an error becomes a message and an exit code.
 */
import { CommanderError } from 'commander';
import { ExitCode, exitCodeOf } from './exit-codes';
import { buildProgram } from './program';
import { Terminal } from './terminal';

async function main(argv: readonly string[]): Promise<void> {
  // What comes after -- is another program's command line: commander would mix it with our own arguments.
  const dashes = argv.indexOf('--');
  const own = dashes < 0 ? argv : argv.slice(0, dashes);
  const toRun = dashes < 0 ? [] : argv.slice(dashes + 1);
  try {
    await buildProgram(toRun).parseAsync(own);
  } catch (error) {
    if (error instanceof CommanderError) {
      // Commander has printed it; its own code for every misuse is 1.
      process.exitCode = error.exitCode === 0 ? ExitCode.OK : ExitCode.USAGE;
      return;
    }
    new Terminal(own.includes('--json')).failure(error);
    process.exitCode = exitCodeOf(error);
  }
}

void main(process.argv);
