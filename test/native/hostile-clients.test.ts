import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readdirSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, SLOWNESS } from '../e2e/slowness';
import { expectNoFdLeak } from './open-fds';
import { leased, Plane, TOKEN } from './plane';
import { PythonProcess } from './python-process';
import { bufferIds, datagram, parse, type TestClient, until } from './sockets';

const FETCH = 3;
const ADOPT = 4;
const BATCHES = SLOWNESS > 1 ? 2 : 5;
/** Fewer than the plane lets wait. */
const IN_A_BATCH = 40;

function threads(): number {
  return readdirSync('/proc/self/task').length;
}

describe('a client that sends sockets whose close sleeps for an hour', () => {
  expectNoFdLeak();

  it.each([
    'unread',
    'unread behind an empty datagram',
    'unread behind a violation',
    'in an empty datagram',
    'in an ADOPT',
    'where no fd belongs',
    'in a datagram that is too large',
    'amid a pipeline',
    'amid a pipeline, in an empty datagram',
    'amid a pipeline, behind an empty datagram',
    'amid a pipeline, behind a violation',
  ])('%s keeps nobody waiting, and no thread for longer than a moment', async (where) => {
    using plane = new Plane({ maxSessions: 1000 });
    const { client, session } = await plane.client();
    using _client = client;
    using _buffer = await leased(plane, session, 1);
    await fetches(client);
    const before = threads();

    await using attacker = new PythonProcess('leave-lingering.py', plane.path, where);
    for (let batch = 0; batch < BATCHES; batch++) {
      expect(await attacker.tell(`${IN_A_BATCH}`)).toBe('sent');
      admitAll(plane);
      await fetches(client);
    }
    await until(() => {
      admitAll(plane);
      return threads() <= before;
    }, `${before} threads`);
    await fetches(client);
  });
});

// Mounting takes root.
const hasFuse = process.getuid?.() === 0 && existsSync('/dev/fuse');
const describeWithFuse = hasFuse ? describe : describe.skip;

describeWithFuse('a client that sends files whose server never lets them be closed', () => {
  expectNoFdLeak();
  const USER = 4001;

  let mountpoint: string;
  beforeAll(() => {
    mountpoint = mkdtempSync(join(tmpdir(), 'dmabufd-fuse-'));
  });
  afterAll(() => rmdirSync(mountpoint));

  it('keeps 16 threads at most, is told when it brings more, and keeps nobody else waiting', async () => {
    using plane = new Plane({ maxSessions: 1000 });
    chmodSync(plane.directory.path, 0o755);
    chmodSync(plane.path, 0o666);
    const { client, session } = await plane.client();
    using _client = client;
    using buffer = await leased(plane, session, 1);
    await fetches(client);
    const before = threads();

    const server = new PythonProcess('silent-fuse.py', mountpoint, plane.path, `${USER}`);
    try {
      expect(await server.tell('20')).toBe('sent');
      await eventually('four too many are told', async () => {
        admitAll(plane);
        return (await server.tell('goodbyes')) === '4' || undefined;
      });
      expect(threads()).toBe(before + 16);
      await fetches(client);
      client.socket.send(datagram(ADOPT, 2, new Uint8Array(32), { fdCount: 1 }), [buffer]);
      const { fds } = await plane.event('request');
      for (const fd of fds) fd.close();
    } finally {
      // Lets everybody go who waits for the server: a process of its own, even a killed one, would too.
      execFileSync('umount', ['--force', '--lazy', mountpoint]);
      await server[Symbol.asyncDispose]();
    }
    await until(() => threads() <= before, `${before} threads when the server is gone`);
  });
});

/** What an honest client does all day. */
async function fetches(client: TestClient): Promise<void> {
  client.socket.send(datagram(FETCH, 1, bufferIds(1)));
  const { bytes, fds } = await client.next();
  for (const fd of fds) fd.close();
  expect(parse(bytes)).toMatchObject({ status: 0, fdCount: 1 });
}

/** Admits whoever connected, and forgets what else was told. */
function admitAll(plane: Plane): void {
  for (const event of plane.events.splice(0)) {
    if (event.type === 'connected') {
      event.peer.pidfd?.close();
      plane.plane.admit(event.session, TOKEN, 'hostile');
    } else if (event.type === 'request') {
      for (const fd of event.fds) fd.close();
    }
  }
}
