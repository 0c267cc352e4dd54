import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync, writeFileSync } from 'node:fs';
import { connect, Socket } from 'node:net';
import { join } from 'node:path';
import addon, { type Fd, type PeerCredentials, Poll, type SystemError } from '../../native';
import { expectNoFdLeak } from './open-fds';
import { Plane } from './plane';
import { bufferIds, Directory, datagram, listenForFds, parse, TestClient, until } from './sockets';

const FETCH = 3;
const PROCESSES = join(__dirname, 'processes');

describe('a seqpacket connection', () => {
  expectNoFdLeak();

  it('cannot be made to a path that is missing, is no socket, or has no one listening', () => {
    using directory = new Directory();
    const handlers = {
      onDatagram: () => undefined,
      onWritable: () => undefined,
      onClosed: () => undefined,
    };
    const attempt = (name: string) => () => addon.connectSeqpacket(directory.join(name), handlers);
    expect(attempt('missing')).toThrow(expect.objectContaining({ code: 'ENOENT' }));
    writeFileSync(directory.join('file'), '');
    expect(attempt('file')).toThrow(expect.objectContaining({ code: 'ECONNREFUSED' }));
    addon.listenUnix('seqpacket', directory.join('dead'), 0o600).close();
    expect(attempt('dead')).toThrow(expect.objectContaining({ code: 'ECONNREFUSED' }));
    expect(attempt('x'.repeat(200))).toThrow(expect.objectContaining({ code: 'ENAMETOOLONG' }));
  });

  it('says who listens at the other end', () => {
    using directory = new Directory();
    using _listener = addon.listenUnix('seqpacket', directory.join('s'), 0o600);
    using client = new TestClient(directory.join('s'));
    const { pid, pidfd } = client.socket.peer;
    expect(pid).toBe(process.pid);
    pidfd?.close();
  });

  it('leaves what came as it came, whatever comes after it', async () => {
    using plane = new Plane();
    const { client } = await plane.client();
    using _client = client;
    const serials = Array.from({ length: 200 }, (_, index) => index + 1);
    for (const serial of serials) {
      client.socket.send(datagram(FETCH, serial, bufferIds(99)));
      await until(() => client.datagrams.length === serial, 'waited for an answer');
    }
    expect(client.datagrams.map(({ bytes }) => parse(bytes).serial)).toEqual(serials);
    // What becomes of the memory that the last one is in is of no concern to the next.
    const memory = client.datagrams.splice(0).at(-1)?.bytes.buffer;
    if (memory === undefined || memory instanceof SharedArrayBuffer) throw new Error('no memory');
    structuredClone(memory, { transfer: [memory] });
    client.socket.send(datagram(FETCH, 201, bufferIds(99)));
    expect(parse((await client.next()).bytes).serial).toBe(201);
  });

  it('is closed, with every fd that came, when a datagram loses fds at RLIMIT_NOFILE', async () => {
    using directory = new Directory();
    // A process of its own lowers its limit to what it has open, and is sent 20 fds.
    const path = directory.join('s');
    using listener = addon.listenUnix('seqpacket', path, 0o600);
    const plane = addon.startFdPlane({
      listener,
      maxSessions: 1,
      maxFdsInFlightPerAccount: 1000,
      onEvents: () => undefined,
    });
    plane.open();
    const receiver = spawn(
      'sh',
      [
        '-c',
        `ulimit -n 40; exec "$0" "$@"`,
        process.execPath,
        join(PROCESSES, 'receive-at-limit.js'),
        path,
      ],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    const output = once(receiver.stdout, 'data');
    const closed = once(receiver, 'close');
    let session = 0;
    await until(() => {
      for (const event of plane.takeArrivals(16)) {
        if (event.type !== 'connected') continue;
        session = event.session;
        event.peer.pidfd?.close();
      }
      return session !== 0;
    }, 'a connection');
    plane.admit(session, new Uint8Array(32), 'test');
    using fd = await addon.createMemfd('many', 4096);
    for (let bufferId = 1; bufferId <= 60; bufferId++) {
      plane.putLease(session, { bufferId, fd, sizeBytes: 4096, flags: 3 });
    }
    const [line] = await output;
    expect(JSON.parse(line.toString())).toEqual({ code: 'EMSGSIZE', leaked: 0 });
    await closed;
    plane.close();
  });
});

// Only root may choose its groups. Elsewhere these tests say that they were skipped.
const describeAsRoot = process.getuid?.() === 0 ? describe : describe.skip;

describeAsRoot('the supplementary groups of a peer', () => {
  expectNoFdLeak();

  /** Whom the plane tells of when a process with these groups connects: nobody if it closes the connection instead. */
  async function peersSeenOf(groups: readonly number[]): Promise<PeerCredentials[]> {
    using directory = new Directory();
    const path = directory.join('s');
    using listener = addon.listenUnix('seqpacket', path, 0o600);
    const plane = addon.startFdPlane({
      listener,
      maxSessions: 1,
      maxFdsInFlightPerAccount: 1000,
      onEvents: () => undefined,
    });
    plane.open();
    const member = spawn(
      process.execPath,
      [join(PROCESSES, 'connect-with-groups.js'), path, ...groups.map(String)],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    const closed = once(member, 'close');
    await once(member.stdout, 'data');
    const seen: PeerCredentials[] = [];
    await until(() => {
      for (const event of plane.takeArrivals(16)) {
        if (event.type === 'connected') seen.push(event.peer);
      }
      return seen.length > 0 || member.exitCode !== null;
    }, 'a connection, or its end');
    for (const { pid, pidfd } of seen) {
      expect(pid).toBe(member.pid);
      pidfd?.close();
    }
    member.kill('SIGKILL');
    await closed;
    plane.close();
    return seen;
  }

  const many = (count: number) => Array.from({ length: count }, (_, index) => 5000 + index);

  it.each([
    ['those that it had when it connected', [4001, 4002, 70_000]],
    ['as many as 1024', many(1024)],
    ['none, if it has none', []],
  ])('are %s', async (_, groups) => {
    expect(await peersSeenOf(groups)).toMatchObject([{ groups }]);
  });

  it.each([1025, 2000, 65_536])('are too many if they are %d: it is refused', async (count) => {
    expect(await peersSeenOf(many(count))).toEqual([]);
  });
});

describe('a listening socket', () => {
  expectNoFdLeak();

  it('has the permission bits that were asked for, whatever the umask', () => {
    using directory = new Directory();
    const before = process.umask(0o077);
    try {
      addon.listenUnix('stream', directory.join('s'), 0o666).close();
    } finally {
      process.umask(before);
    }
    expect(statSync(directory.join('s')).mode & 0o777).toBe(0o666);
  });

  it('does not take a path that exists', () => {
    using directory = new Directory();
    using _first = addon.listenUnix('stream', directory.join('s'), 0o600);
    expect(() => addon.listenUnix('stream', directory.join('s'), 0o600)).toThrow(
      expect.objectContaining({ code: 'EADDRINUSE' }),
    );
  });

  it.each([
    ['as it is', async (path: string) => addon.listenUnix('stream', path, 0o600)],
    ['through the relay', listenForFds],
  ])(
    'hands out each connection %s, its peer identified before a byte is read',
    async (_, listen) => {
      using directory = new Directory();
      const accepted: { connection: Fd; peer: PeerCredentials }[] = [];
      const listener = addon.acceptStreams(await listen(directory.join('s')), (connection, peer) =>
        accepted.push({ connection, peer }),
      );
      const client = connect(directory.join('s'));
      await until(() => accepted.length === 1, 'a connection');
      for (const { connection, peer } of accepted) {
        expect(peer).toMatchObject({ pid: process.pid, uid: process.getuid?.() });
        peer.pidfd?.close();
        const socket = new Socket({ fd: connection.release() });
        socket.end('hello');
        const [data] = await once(client, 'data');
        expect(data.toString()).toBe('hello');
        client.destroy();
        await once(socket, 'close');
      }
      listener.close();
      listener.close();
    },
  );

  it('hands out nobody who has left already', async () => {
    using directory = new Directory();
    const path = directory.join('s');
    const listening = addon.listenUnix('stream', path, 0o600);
    for (let i = 0; i < 100; i++) {
      const gone = connect(path);
      await once(gone, 'connect');
      gone.destroy();
      await once(gone, 'close');
    }
    const client = connect(path);
    await once(client, 'connect');
    const accepted: Fd[] = [];
    const listener = addon.acceptStreams(listening, (connection, peer) => {
      peer.pidfd?.close();
      accepted.push(connection);
    });
    await until(() => accepted.length > 0, 'a connection');
    const [first] = accepted;
    client.write('the one who is still here');
    await until(() => first !== undefined && addon.pollNow(first, Poll.IN) === Poll.IN, 'it');
    for (const connection of accepted) connection.close();
    client.destroy();
    listener.close();
  });

  it.each(['as it is', 'relayed'])(
    'takes what its callback throws for an uncaught exception, and goes on: a connection %s',
    async (how) => {
      using directory = new Directory();
      const program = join(PROCESSES, 'throw-in-callback.js');
      const child = spawn(process.execPath, [program, directory.join('s'), how]);
      const [line] = await once(child.stdout, 'data');
      expect(line.toString()).toContain('uncaught: first, then a second connection');
    },
  );
});

describe('the watch on an fd', () => {
  expectNoFdLeak();

  it('tells once that it is readable, and nothing after it is closed', async () => {
    using directory = new Directory();
    let told = 0;
    using listener = addon.listenUnix('stream', directory.join('s'), 0o600);
    addon.watchFd(listener, 'readable', () => told++);
    const closed = addon.watchFd(listener, 'readable', () => {
      throw new Error('it was closed');
    });
    closed.close();
    expect(addon.pollNow(listener, 1)).toBe(0);
    const client = connect(directory.join('s'));
    await until(() => told > 0, 'readable');
    expect(addon.pollNow(listener, 1)).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(told).toBe(1);
    client.destroy();
  });

  it('tells that a process has ended, by its pidfd', async () => {
    const child = spawn('sleep', ['600']);
    using pidfd = addon.openPidfd(child.pid ?? 0);
    let ended = false;
    addon.watchFd(pidfd, 'readable', () => {
      ended = true;
    });
    expect(addon.pollNow(pidfd, 1)).toBe(0);
    const closed = once(child, 'close');
    child.kill('SIGKILL');
    await until(() => ended, 'the end');
    await closed;
  });

  it('refuses what cannot be polled', async () => {
    using memfd = await addon.createMemfd('regular', 4096);
    expect(() => addon.watchFd(memfd, 'readable', () => undefined)).toThrow(
      expect.objectContaining({ code: 'EPERM' }),
    );
  });
});

const LOCK_FOR_READING = `
import fcntl, sys, time
file = open(sys.argv[1])
fcntl.lockf(file, fcntl.LOCK_SH)
print("locked", flush=True)
time.sleep(600)
`;

describe('a locked file', () => {
  expectNoFdLeak();

  it('names the process that holds it, for as long as that lives', async () => {
    using directory = new Directory();
    const holder = spawn(process.execPath, [
      join(PROCESSES, 'hold-lock.js'),
      directory.join('lock'),
    ]);
    await once(holder.stdout, 'data');
    expect(addon.lockFile(directory.join('lock'))).toEqual({ fd: null, holderPid: holder.pid });
    const closed = once(holder, 'close');
    holder.kill('SIGKILL');
    await closed;
    const { fd, holderPid } = addon.lockFile(directory.join('lock'));
    expect(holderPid).toBeNull();
    fd?.close();
  });

  it('is nobody’s for as long as it is only locked for reading, which who may not write it can', async () => {
    using directory = new Directory();
    const path = directory.join('lock');
    addon.lockFile(path).fd?.close();
    const reader = spawn('python3', ['-c', LOCK_FOR_READING, path]);
    await once(reader.stdout, 'data');
    const { fd, holderPid } = addon.lockFile(path);
    expect(holderPid).toBeNull();
    // And it is ours now, for the next one.
    const rival = spawn(process.execPath, [join(PROCESSES, 'hold-lock.js'), path]);
    expect(String((await once(rival.stdout, 'data'))[0])).toBe(`held by ${process.pid}\n`);
    for (const child of [reader, rival]) {
      const closed = once(child, 'close');
      child.kill('SIGKILL');
      await closed;
    }
    fd?.close();
  });

  it('is no symlink', () => {
    using directory = new Directory();
    require('node:fs').symlinkSync('/etc/passwd', directory.join('lock'));
    const failure: { code: SystemError['code'] } = { code: 'ELOOP' };
    expect(() => addon.lockFile(directory.join('lock'))).toThrow(expect.objectContaining(failure));
  });
});
