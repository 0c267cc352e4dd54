/** `dmabufctl read`: bytes of a shared buffer to a file or stdout, inside one read access. */
import { writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { UsageError } from '../exit-codes';
import { invocationOf, size } from '../invocation';
import { addOpeningOptions, type OpeningOptions, openBy } from '../opening';
import { formatBytesExactly } from '../quantities';

interface Options extends OpeningOptions {
  readonly output?: string;
  readonly offset?: number;
  readonly length?: number;
}

export function addReadCommand(program: Command): void {
  const command = program
    .command('read')
    .description('copy bytes of a shared buffer to a file or to stdout');
  addOpeningOptions(command)
    .option('--output <file>', 'write here instead of to stdout')
    .option('--offset <size>', 'where in the buffer to begin (default: 0)', size)
    .option('--length <size>', 'how many bytes (default: to the end)', size)
    .action(async (name: string | undefined, options: Options, self: Command) => {
      const invocation = invocationOf(self);
      const { output, offset = 0, length } = options;
      if (output === undefined) requirePlainStdout(invocation.terminal.json);
      const by = openBy(name, options);
      await using broker = await invocation.connect();
      await using buffer = await broker.open(by, invocation.call);
      const bytes = await buffer.read(offset, length, invocation.call);
      if (output === undefined) {
        invocation.terminal.bytes(bytes);
        return;
      }
      writeFileSync(output, bytes);
      invocation.terminal.result(
        { bufferId: buffer.id, offset, lengthBytes: bytes.length, output },
        [`read ${formatBytesExactly(bytes.length)} of buffer ${buffer.id} into ${output}`],
      );
    });
}

function requirePlainStdout(json: boolean): void {
  if (json) throw new UsageError('--json: the bytes need a file of their own: --output FILE');
  if (process.stdout.isTTY) {
    throw new UsageError('the bytes would go to the terminal: --output FILE, or a pipe');
  }
}
