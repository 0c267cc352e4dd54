/** `dmabufctl show`: one buffer, who holds it, who accesses it. */
import type { Command } from 'commander';
import type { BufferDetails } from '../../descriptions';
import { fieldsOfBuffer, nameOfPeer } from '../descriptions';
import { count, invocationOf } from '../invocation';
import { formatAge } from '../quantities';
import { renderFields, renderTable } from '../table';

export function addShowCommand(program: Command): void {
  program
    .command('show')
    .description('show one buffer, who holds it and who accesses it')
    .argument('<id>', "the buffer's id, as list prints it", count)
    .action(async (id: number, _options: object, command: Command) => {
      const invocation = invocationOf(command);
      using inspector = invocation.inspector();
      const details = await inspector.describe(id, invocation.call);
      invocation.terminal.result(details, renderDetails(details, Date.now()));
    });
}

/** The lines for people. */
export function renderDetails(details: BufferDetails, nowMs: number): string[] {
  const age = (date: Date | null) => (date === null ? '-' : formatAge(nowMs - date.getTime()));
  const leases = details.leases.map((lease) => [
    String(lease.sessionId),
    nameOfPeer(lease.peer),
    lease.isOwner ? `${lease.access}, owner` : lease.access,
    age(lease.createTime),
  ]);
  const accesses = details.cpuAccesses.map((entry) => [
    String(entry.sessionId),
    nameOfPeer(entry.peer),
    `${entry.held ? 'holds' : 'waits'}, ${entry.writes ? 'writing' : 'reading'}`,
    age(entry.since),
  ]);
  const session = { heading: 'SESSION', align: 'right' } as const;
  const since = { heading: 'SINCE', align: 'right' } as const;
  return [
    ...renderFields([...fieldsOfBuffer(details.buffer), ['age', age(details.buffer.createTime)]]),
    '',
    ...renderTable([session, { heading: 'HELD BY' }, { heading: 'LEASE' }, since], leases),
    ...(accesses.length === 0
      ? ['', 'nobody accesses it with the CPU']
      : [
          '',
          ...renderTable(
            [session, { heading: 'PROCESS' }, { heading: 'CPU ACCESS' }, since],
            accesses,
          ),
        ]),
  ];
}
