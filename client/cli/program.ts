/**
 * The commands of dmabufctl, put together.
 */
import { Command } from 'commander';
import { addAllocateCommand } from './commands/allocate';
import { addCdiCommand } from './commands/cdi';
import { addDoctorCommand } from './commands/doctor';
import { addHeapsCommand } from './commands/heaps';
import { addListCommand } from './commands/list';
import { addOpenCommand } from './commands/open';
import { addPolicyCommand } from './commands/policy';
import { addReadCommand } from './commands/read';
import { addShareCommand } from './commands/share';
import { addShowCommand } from './commands/show';
import { addStatusCommand } from './commands/status';
import { addWatchCommand } from './commands/watch';
import { addWriteCommand } from './commands/write';
import { EXIT_CODES_HELP } from './exit-codes';
import { addGlobalOptions } from './invocation';

/** Misuse throws a CommanderError, after commander has written about it to stderr. */
const { version }: { readonly version: string } = require('#manifest');

export function buildProgram(toRun: readonly string[]): Command {
  const program = new Command('dmabufctl')
    .description('Asks and tells dmabufd, the broker for dma-bufs.')
    .version(version)
    .exitOverride()
    .showHelpAfterError('(--help tells more)')
    .addHelpText('after', `\n${EXIT_CODES_HELP}`);
  addGlobalOptions(program);
  addHeapsCommand(program);
  addListCommand(program);
  addShowCommand(program);
  addAllocateCommand(program, toRun);
  addShareCommand(program, toRun);
  addOpenCommand(program, toRun);
  addReadCommand(program);
  addWriteCommand(program);
  addWatchCommand(program);
  addStatusCommand(program);
  addPolicyCommand(program);
  addDoctorCommand(program);
  addCdiCommand(program);
  return program;
}
