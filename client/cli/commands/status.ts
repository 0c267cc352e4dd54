/** `dmabufctl status`: what the daemon is and how much it holds. */
import type { Command } from 'commander';
import type { DaemonStatus } from '../../descriptions';
import { nameOfPeer, whatIsNotSeen } from '../descriptions';
import { invocationOf } from '../invocation';
import { formatAge, formatBytesExactly } from '../quantities';
import { renderFields } from '../table';

export function addStatusCommand(program: Command): void {
  program
    .command('status')
    .description('show what the daemon is and how much it holds')
    .action(async (_options: object, command: Command) => {
      const invocation = invocationOf(command);
      using inspector = invocation.inspector();
      const status = await inspector.status(invocation.call);
      const { runtimeDirectory } = invocation;
      const lines = renderStatus(status, runtimeDirectory, Date.now());
      invocation.terminal.result({ runtimeDirectory, ...status }, lines);
    });
}

/** The lines for people. */
export function renderStatus(status: DaemonStatus, directory: string, nowMs: number): string[] {
  const fields: [string, string][] = [
    ['dmabufd', status.version],
    ['directory', directory],
    ['pid', String(status.pid)],
    ['running', status.startTime === null ? '-' : formatAge(nowMs - status.startTime.getTime())],
    ['you are', nameOfPeer(status.caller)],
  ];
  const unseen = whatIsNotSeen(status);
  if (unseen !== null) fields.push(['not seen', unseen]);
  const { totals } = status;
  if (totals === null) {
    return [...renderFields(fields), '', 'only those who may inspect are told what it holds'];
  }
  fields.push(
    ['sessions', String(totals.sessions)],
    ['buffers', `${totals.buffers}, ${formatBytesExactly(totals.chargedBytes)}`],
    ['kept open', `${totals.lingeringBuffers} without a lease`],
    ['leases', String(totals.leases)],
    ['grants', String(totals.grants)],
    ['cpu accesses', `${totals.cpuAccesses} open, ${totals.waiters} waiting`],
    ['open fds', String(totals.openFds)],
  );
  return renderFields(fields);
}
