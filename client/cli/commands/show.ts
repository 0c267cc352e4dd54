/** `dmabufctl show`: one buffer, who holds it, who accesses it. */
import type { Command } from 'commander';
import type { BufferDetails, CpuAccessDescription } from '../../descriptions';
import { fieldsOfBuffer, nameOfPeer } from '../descriptions';
import { findHolders, type HoldingProcess } from '../holders';
import { count, invocationOf } from '../invocation';
import { formatAge } from '../quantities';
import { renderFields, renderTable } from '../table';

export function addShowCommand(program: Command): void {
  program
    .command('show')
    .description('show one buffer, who holds it, who accesses it, and where it is open')
    .argument('<id>', "the buffer's id, as list prints it", count)
    .action(async (id: number, _options: object, command: Command) => {
      const invocation = invocationOf(command);
      using inspector = invocation.inspector();
      const details = await inspector.describe(id, invocation.call);
      const openIn = findHolders(details.buffer);
      const lines = renderDetails({ ...details, openIn }, Date.now());
      invocation.terminal.result({ ...details, openIn }, lines);
    });
}

interface Shown extends BufferDetails {
  readonly openIn: readonly HoldingProcess[];
}

/** The lines for people. */
export function renderDetails(details: Shown, nowMs: number): string[] {
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
    `${stateOf(entry)}, ${entry.writes ? 'writing' : 'reading'}`,
    age(entry.since),
  ]);
  const session = { heading: 'SESSION', align: 'right' } as const;
  const since = { heading: 'SINCE', align: 'right' } as const;
  return [
    ...renderFields([
      ...fieldsOfBuffer(details.buffer),
      ['age', age(details.buffer.createTime)],
      ['others', referencesOf(details)],
    ]),
    '',
    ...(leases.length === 0
      ? ['nobody leases it any more: it is charged until it is open nowhere']
      : renderTable([session, { heading: 'HELD BY' }, { heading: 'LEASE' }, since], leases)),
    ...renderFormerHolders(details, age),
    ...renderHolders(details.openIn),
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

function stateOf({ held, waitsForFences }: CpuAccessDescription): string {
  if (held) return 'holds';
  return waitsForFences ? 'waits for a device' : 'waits for its turn';
}

function referencesOf({ referencesElsewhere, buffer }: BufferDetails): string {
  if (referencesElsewhere === null) return 'the kernel does not tell';
  if (buffer.memory === 'memfd') return referencesElsewhere === 0 ? 'open nowhere' : 'still open';
  const noun = referencesElsewhere === 1 ? 'reference' : 'references';
  return `${referencesElsewhere} ${noun} (fds, mappings, devices), the daemon's not counted`;
}

function renderFormerHolders(
  { formerHolders }: BufferDetails,
  age: (date: Date | null) => string,
): string[] {
  if (formerHolders.length === 0) return [];
  const rows = formerHolders.map(({ sessionId, peer, endTime, revoked }) => [
    String(sessionId),
    nameOfPeer(peer),
    revoked ? 'revoked' : 'released',
    age(endTime),
  ]);
  const columns = [
    { heading: 'SESSION', align: 'right' } as const,
    { heading: 'HELD BEFORE BY' },
    { heading: 'LEASE' },
    { heading: 'SINCE', align: 'right' } as const,
  ];
  return ['', ...renderTable(columns, rows)];
}

function renderHolders(holders: readonly HoldingProcess[]): string[] {
  if (holders.length === 0) return [];
  const rows = holders.map(({ pid, comm, fds, mappings }) => [
    `${pid} (${comm})`,
    String(fds),
    String(mappings),
  ]);
  const columns = [
    { heading: 'OPEN IN' },
    { heading: 'FDS', align: 'right' } as const,
    { heading: 'MAPPINGS', align: 'right' } as const,
  ];
  return ['', ...renderTable(columns, rows)];
}
