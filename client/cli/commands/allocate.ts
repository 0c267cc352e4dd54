/** `dmabufctl allocate`: a buffer that lives for as long as this command does. */
import type { Command } from 'commander';
import { fieldsOfBuffer } from '../descriptions';
import {
  addGrantingOptions,
  fieldsOfGrant,
  type GrantingOptions,
  grantAskedFor,
  reportGrant,
} from '../granting';
import { addHoldOptions, type HoldOptions, hold } from '../hold';
import { invocationOf, size } from '../invocation';
import { renderFields } from '../table';

type Options = GrantingOptions & HoldOptions & { readonly heap?: string; readonly label?: string };

export function addAllocateCommand(program: Command, toRun: readonly string[]): void {
  const command = program
    .command('allocate')
    .description('allocate a buffer and hold it; with -- PROGRAM, give its fd (3) to a program')
    .argument('<size>', 'such as 4096, 64K or 8MiB', size);
  addGrantingOptions(addHoldOptions(command))
    .option('--heap <name>', 'which heap, as heaps lists it')
    .option('--label <text>', 'a name for people, at most 31 bytes')
    .action(async (sizeBytes: number, options: Options, self: Command) => {
      const invocation = invocationOf(self);
      const asked = grantAskedFor(options);
      await using broker = await invocation.connect();
      const { heap, label } = options;
      const buffer = await broker.allocate({ sizeBytes, heap, label }, invocation.call);
      const share = asked === null ? null : await buffer.share(asked, invocation.call);
      const report = share === null ? null : reportGrant(share, options);
      invocation.terminal.result({ buffer: buffer.description, ...report }, [
        ...renderFields([
          ...fieldsOfBuffer(buffer.description),
          ...(report === null ? [] : fieldsOfGrant(report)),
        ]),
      ]);
      process.exitCode = await hold(invocation, { broker, buffer, program: toRun }, options);
    });
}
