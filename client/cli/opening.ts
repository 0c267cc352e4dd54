/**
 * The argument and the option with which open, read and write say which shared buffer they mean.
 */
import type { Command } from 'commander';
import type { OpenBy } from '../broker';
import { UsageError } from './exit-codes';
import { readSecret } from './secrets';

/** As commander gives it. */
export interface OpeningOptions {
  readonly secretFile?: string;
}

export function addOpeningOptions(command: Command): Command {
  return command
    .argument('[name]', 'the name that it is published under')
    .option('--secret-file <file>', 'instead of a name: a file that holds the secret (-: stdin)');
}

export function openBy(name: string | undefined, { secretFile }: OpeningOptions): OpenBy {
  if (name !== undefined && secretFile === undefined) return { name };
  if (name === undefined && secretFile !== undefined) return { secret: readSecret(secretFile) };
  throw new UsageError('give either a name or --secret-file FILE');
}
