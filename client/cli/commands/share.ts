/** `dmabufctl share`: a grant on a buffer that exists already, for as long as this command runs. */
import type { Command } from 'commander';
import { UsageError } from '../exit-codes';
import {
  addGrantingOptions,
  fieldsOfGrant,
  type GrantingOptions,
  grantAskedFor,
  reportGrant,
} from '../granting';
import { addHoldOptions, type HoldOptions, hold } from '../hold';
import { count, invocationOf } from '../invocation';
import { renderFields } from '../table';

export function addShareCommand(program: Command, toRun: readonly string[]): void {
  const command = program
    .command('share')
    .description("share a buffer and hold the grant (for administrators: the daemon's user, root)")
    .argument('<id>', "the buffer's id, as list prints it", count);
  addGrantingOptions(addHoldOptions(command)).action(
    async (id: number, options: GrantingOptions & HoldOptions, self: Command) => {
      const invocation = invocationOf(self);
      const asked = grantAskedFor(options);
      if (asked === null) throw new UsageError('--publish NAME or --secret-file FILE is needed');
      await using broker = await invocation.connect();
      const report = reportGrant(await broker.share(id, asked, invocation.call), options);
      invocation.terminal.result(report, renderFields(fieldsOfGrant(report)));
      process.exitCode = await hold(invocation, { broker, buffer: null, program: toRun }, options);
    },
  );
}
