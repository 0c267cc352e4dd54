/** A worker thread that opens one of everything, has calls under way, and waits to be terminated. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import addon, { type Fd } from '../../../native';
import { listenForFds } from '../sockets';

const { directory }: { directory: string } = workerData;
const open: unknown[] = [];

async function openAll(): Promise<void> {
  const memfd: Fd = await addon.createMemfd('left open', 1 << 20);
  const mapping = addon.map(memfd, 1 << 20, 'read-write');
  const listener = addon.listenUnix('seqpacket', join(directory, 'fd.sock'), 0o600);
  const plane = addon.startFdPlane({
    listener,
    maxSessions: 4,
    maxFdsInFlightPerAccount: 1000,
    onEvents: () => undefined,
  });
  plane.open();
  const streams = addon.acceptStreams(
    addon.listenUnix('stream', join(directory, 'control.sock'), 0o600),
    () => undefined,
  );
  const relayed = addon.acceptStreams(await listenForFds(join(directory, 'relayed.sock')), (fd) =>
    open.push(fd),
  );
  const client = connect(join(directory, 'relayed.sock'));
  await once(client, 'connect');
  client.write('left unread');
  const socket = addon.connectSeqpacket(join(directory, 'fd.sock'), {
    onDatagram: () => undefined,
    onWritable: () => undefined,
    onClosed: () => undefined,
  });
  const watch = addon.watchFd(addon.openPidfd(process.pid), 'readable', () => undefined);
  open.push(memfd, mapping, mapping.view(), plane, streams, relayed, client, socket, watch);
  // More calls than there are threads, so that some are under way, some wait, and some have their answer.
  for (let i = 0; i < 64; i++) open.push(addon.createMemfd(`${i}`, 1 << 20));
  parentPort?.postMessage('open');
}

void openAll();
setInterval(() => open.length, 1000);
