/** `dmabufctl list`: all buffers of the daemon. */
import type { Command } from 'commander';
import type { BufferDescription } from '../../descriptions';
import { invocationOf } from '../invocation';
import { formatAge, formatBytes } from '../quantities';
import { renderTable } from '../table';

export function addListCommand(program: Command): void {
  program
    .command('list')
    .description('list all buffers of the daemon (for those who may inspect)')
    .action(async (_options: object, command: Command) => {
      const invocation = invocationOf(command);
      using inspector = invocation.inspector();
      const buffers = await inspector.list(invocation.call);
      invocation.terminal.result(buffers, renderBuffers(buffers, Date.now()));
    });
}

/** The lines for people. */
export function renderBuffers(buffers: readonly BufferDescription[], nowMs: number): string[] {
  if (buffers.length === 0) return ['no buffers'];
  const total = buffers.reduce((sum, { sizeBytes }) => sum + (sizeBytes ?? 0), 0);
  const rows = buffers.map((buffer) => [
    String(buffer.id),
    buffer.sizeBytes === null ? 'unknown' : formatBytes(buffer.sizeBytes),
    buffer.heap,
    buffer.memory,
    String(buffer.leaseCount),
    buffer.createTime === null ? '-' : formatAge(nowMs - buffer.createTime.getTime()),
    buffer.label === '' ? '-' : buffer.label,
  ]);
  const table = renderTable(
    [
      { heading: 'ID', align: 'right' },
      { heading: 'SIZE', align: 'right' },
      { heading: 'HEAP' },
      { heading: 'MEMORY' },
      { heading: 'LEASES', align: 'right' },
      { heading: 'AGE', align: 'right' },
      { heading: 'LABEL' },
    ],
    rows,
  );
  const noun = buffers.length === 1 ? 'buffer' : 'buffers';
  const keptOpen = buffers.filter(({ leaseCount }) => leaseCount === 0).length;
  const without = keptOpen === 0 ? '' : `; ${keptOpen} without a lease, kept open by somebody`;
  return [...table, '', `${buffers.length} ${noun}, ${formatBytes(total)}${without}`];
}
