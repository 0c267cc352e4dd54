/** `dmabufctl open`: a lease on a shared buffer for as long as this command runs. */
import type { Command } from 'commander';
import { fieldsOfBuffer } from '../descriptions';
import { addHoldOptions, type HoldOptions, hold } from '../hold';
import { invocationOf } from '../invocation';
import { addOpeningOptions, type OpeningOptions, openBy } from '../opening';
import { renderFields } from '../table';

export function addOpenCommand(program: Command, toRun: readonly string[]): void {
  const command = program
    .command('open')
    .description('open a shared buffer and hold it; with -- PROGRAM, give its fd (3) to a program');
  addHoldOptions(addOpeningOptions(command)).action(
    async (
      name: string | undefined,

      options: OpeningOptions & HoldOptions,
      self: Command,
    ) => {
      const invocation = invocationOf(self);
      const by = openBy(name, options);
      await using broker = await invocation.connect();
      const buffer = await broker.open(by, invocation.call);
      invocation.terminal.result(
        { buffer: buffer.description },
        renderFields(fieldsOfBuffer(buffer.description)),
      );
      process.exitCode = await hold(invocation, { broker, buffer, program: toRun }, options);
    },
  );
}
