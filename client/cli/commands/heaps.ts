/** `dmabufctl heaps`: what memory this machine can give. */
import type { Command } from 'commander';
import type { HeapDescription } from '../../descriptions';
import { invocationOf } from '../invocation';
import { formatBytes } from '../quantities';
import { renderTable } from '../table';

export function addHeapsCommand(program: Command): void {
  program
    .command('heaps')
    .description('list what memory this machine can give')
    .action(async (_options: object, command: Command) => {
      const invocation = invocationOf(command);
      using inspector = invocation.inspector();
      const heaps = await inspector.heaps(invocation.call);
      invocation.terminal.result(heaps, renderHeaps(heaps));
    });
}

/** The lines for people. */
export function renderHeaps(heaps: readonly HeapDescription[]): string[] {
  const rows = heaps.map((heap) => [
    heap.isDefault ? `${heap.name} *` : heap.name,
    heap.kind,
    heap.memory,
    heap.maxBufferBytes === null ? '-' : formatBytes(heap.maxBufferBytes),
    heap.unavailableReason === null
      ? heap.capabilities.join(', ')
      : `unusable: ${heap.unavailableReason}`,
  ]);
  const table = renderTable(
    [
      { heading: 'HEAP' },
      { heading: 'KIND' },
      { heading: 'MEMORY' },
      { heading: 'LARGEST', align: 'right' },
      { heading: 'CAN' },
    ],
    rows,
  );
  const chosen = heaps.find(({ isDefault }) => isDefault);
  const notes = ['* the default'];
  if (chosen === undefined) notes.push('no heap can be used: see dmabufctl doctor');
  else if (chosen.memory === 'memfd') {
    notes.push('memfd buffers are shared memory and no dma-bufs: no device can import them');
  }
  return [...table, '', ...notes];
}
