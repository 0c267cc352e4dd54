/** `dmabufctl write`: bytes from a file or stdin into a shared buffer, inside one write access. */
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { UsageError } from '../exit-codes';
import { invocationOf, size } from '../invocation';
import { addOpeningOptions, type OpeningOptions, openBy } from '../opening';
import { formatBytesExactly } from '../quantities';

interface Options extends OpeningOptions {
  readonly input: string;
  readonly offset?: number;
}

export function addWriteCommand(program: Command): void {
  const command = program.command('write').description('copy a file or stdin into a shared buffer');
  addOpeningOptions(command)
    .option('--input <file>', 'the bytes', '-')
    .option('--offset <size>', 'where in the buffer to begin (default: 0)', size)
    .action(async (name: string | undefined, options: Options, self: Command) => {
      const invocation = invocationOf(self);
      const { input, offset = 0, secretFile } = options;
      if (input === '-' && secretFile === '-') {
        throw new UsageError('--input - and --secret-file -: only one of them can be stdin');
      }
      const by = openBy(name, options);
      const bytes = readFileSync(input === '-' ? 0 : input);
      await using broker = await invocation.connect();
      await using buffer = await broker.open(by, invocation.call);
      await buffer.write(offset, bytes, invocation.call);
      invocation.terminal.result(
        { bufferId: buffer.id, offset, lengthBytes: bytes.length, input },
        [`wrote ${formatBytesExactly(bytes.length)} into buffer ${buffer.id} at ${offset}`],
      );
    });
}
