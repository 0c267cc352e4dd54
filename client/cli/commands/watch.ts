/** `dmabufctl watch`: what happens in the daemon, one line an event. */
import type { Command } from 'commander';
import type { BrokerEvent } from '../../events';
import { nameOfPeer } from '../descriptions';
import { duration, invocationOf } from '../invocation';
import { formatBytes } from '../quantities';
import { printable } from '../table';

const EVENTS = `
Each line: time, number, session, event, and what it is about. The events:
  session-opened, session-closed       a client came, or has gone
  buffer-created, buffer-destroyed     the first lease, and the last reference
  lease-opened, -released, -revoked    a session's right to a buffer
  grant-created, grant-ended           a permission for others to open a buffer
  cpu-access-began, -ended, -delayed   delayed: it has been waited for longer than --slow-wait-ms of the daemon
Options such as --json are those of dmabufctl itself: see dmabufctl --help.`;

export function addWatchCommand(program: Command): void {
  program
    .command('watch')
    .description('print what happens in the daemon, one line an event')
    .option('--for <duration>', 'stop after this long instead of at Ctrl-C', duration)
    .addHelpText('after', EVENTS)
    .action(async (options: { for?: number }, command: Command) => {
      const invocation = invocationOf(command);
      using inspector = invocation.inspector();
      const stream = await inspector.watch(invocation.call);
      for (const signal of ['SIGINT', 'SIGTERM'] as const)
        process.once(signal, () => stream.close());
      if (options.for !== undefined) setTimeout(() => stream.close(), options.for).unref();
      invocation.terminal.note(
        options.for === undefined ? 'watching until Ctrl-C' : 'watching for a while',
      );
      for await (const event of stream) invocation.terminal.result(event, [renderEvent(event)]);
    });
}

/** The line for people: `12:00:00.123  #17  session 3  cpu-access-began  buffer 5, writing`. */
export function renderEvent(event: BrokerEvent): string {
  const time = event.time === null ? '-' : event.time.toISOString().slice(11, 23);
  const session = `session ${event.sessionId}`.padEnd(11);
  const line = `${time}  #${String(event.sequence).padEnd(5)} ${session}  ${event.type.padEnd(18)} `;
  return printable(`${line} ${tellMore(event)}`.trimEnd());
}

function tellMore(event: BrokerEvent): string {
  switch (event.type) {
    case 'session-opened':
      return nameOfPeer(event.peer);
    case 'session-closed':
      return event.reason;
    case 'buffer-created': {
      const { id, sizeBytes, heap, label } = event.buffer;
      const bytes = sizeBytes === null ? 'unknown size' : formatBytes(sizeBytes);
      return `buffer ${id}, ${bytes} from ${heap}${label === '' ? '' : `, ${label}`}`;
    }
    case 'lease-opened':
      return `buffer ${event.bufferId}, ${event.access} by ${nameOfPeer(event.peer)}`;
    case 'buffer-destroyed':
    case 'lease-released':
    case 'lease-revoked':
      return `buffer ${event.bufferId}`;
    case 'grant-created':
      return `grant ${event.grantId} on buffer ${event.bufferId}${event.name === null ? '' : `, ${event.name}`}`;
    case 'grant-ended':
      return `grant ${event.grantId} on buffer ${event.bufferId}, ${event.reason}`;
    case 'cpu-access-began':
    case 'cpu-access-ended':
      return `buffer ${event.bufferId}, ${event.writes ? 'writing' : 'reading'}`;
    case 'cpu-access-delayed':
      return `buffer ${event.bufferId}, has waited ${event.waitedMs} ms to ${event.writes ? 'write' : 'read'}: waits for ${event.obstacle}`;
    case 'unknown':
      return '';
  }
}
