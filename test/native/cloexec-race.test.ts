import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import addon from '../../native';
import { expectNoFdLeak } from './open-fds';
import { bufferIds, Directory, datagram, until } from './sockets';

const SLOWNESS = Number(process.env.DMABUFD_TEST_SLOWNESS ?? 1);
const ROUNDS = SLOWNESS > 1 ? 40 : 200;

/** Lets a thread fork and exec `ROUNDS` times, and answers how many of the children had a memfd open. */
async function execWhile(): Promise<{
  children: number;
  leaked: number;
  stop: () => Promise<void>;
}> {
  const worker = new Worker(join(__dirname, 'processes', 'exec-in-loop.js'), {
    workerData: { rounds: ROUNDS },
  });
  const [result] = await once(worker, 'message');
  return { ...result, stop: () => worker.terminate().then(() => undefined) };
}

describe('while one thread receives fds and another forks and execs', () => {
  expectNoFdLeak();

  it('no child ever sees one', async () => {
    using directory = new Directory();
    const plane = addon.startFdPlane({
      listener: addon.listenUnix('seqpacket', directory.join('s'), 0o600),
      maxSessions: 1,
      maxFdsInFlightPerAccount: 1000,
      onEvents: () => undefined,
    });
    plane.open();
    using fd = await addon.createMemfd('raced', 4096);
    const ids = Array.from({ length: 100 }, (_, index) => index + 1);
    let received = 0;
    const socket = addon.connectSeqpacket(directory.join('s'), {
      onDatagram: (_bytes, fds) => {
        received += fds.length;
        for (const each of fds) each.close();
        socket.send(datagram(3, 1, bufferIds(...ids)));
      },
      onWritable: () => undefined,
      onClosed: () => undefined,
    });
    await until(() => {
      for (const event of plane.takeArrivals(16)) {
        if (event.type !== 'connected') continue;
        event.peer.pidfd?.close();
        for (const bufferId of ids)
          plane.putLease(event.session, { bufferId, fd, sizeBytes: 4096, flags: 3 });
        plane.admit(event.session, new Uint8Array(32), 'test');
        return true;
      }
      return false;
    }, 'a connection');
    const { children, leaked, stop } = await execWhile();
    socket.close();
    plane.close();
    await stop();
    expect({ children, leaked }).toEqual({ children: ROUNDS, leaked: 0 });
    expect(received).toBeGreaterThan(ROUNDS);
  });

  it('which this test would notice: a child does see an fd that is not close-on-exec', async () => {
    using _open = await addon.createMemfd('raced', 4096, { cloexec: false });
    const { children, leaked, stop } = await execWhile();
    await stop();
    expect(leaked).toBe(children);
  });
});
