import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import addon, { type FdPlaneArrival, type PeerCredentials } from '../../native';
import { ANSWER, Opcode } from '../../proto/fd-numbers';
import { expectNoFdLeak, openFds } from './open-fds';
import { leased, Plane, TOKEN } from './plane';
import { bufferIds, datagram, parse, TestClient, until } from './sockets';

const { WELCOME, GOODBYE, FETCH, ADOPT, RELEASE, EXPORT_FENCE } = Opcode;
const OK = 0;
const NOT_FOUND = 5;
const RESOURCE_EXHAUSTED = 8;
const FAILED_PRECONDITION = 9;
const UNAVAILABLE = 14;

/** Connects when the listener's backlog has room. */
async function connectOnceThereIsRoom(path: string): Promise<TestClient> {
  for (;;) {
    try {
      return new TestClient(path);
    } catch {
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

describe('the fd plane', () => {
  expectNoFdLeak();

  it('tells who connected, as the kernel has it, before it reads a byte', async () => {
    using plane = new Plane();
    using client = new TestClient(plane.path);
    client.socket.send(datagram(FETCH, 1, bufferIds(1)));
    const { session, peer }: { session: number; peer: PeerCredentials } =
      await plane.event('connected');
    expect(peer).toMatchObject({
      pid: process.pid,
      uid: process.getuid?.(),
      gid: process.getgid?.(),
    });
    peer.pidfd?.close();
    expect(client.datagrams).toEqual([]);
    plane.plane.admit(session, TOKEN, 'test');
    const welcome = parse((await client.next()).bytes);
    expect(welcome).toMatchObject({ opcode: WELCOME, serial: 0, status: OK, fdCount: 0 });
    const view = new DataView(welcome.payload.slice().buffer);
    expect(view.getUint32(0, true)).toBe(1);
    expect(Number(view.getBigUint64(8, true))).toBe(session);
    expect(welcome.payload.subarray(16)).toEqual(TOKEN);
    // The request that came too early is answered now.
    expect(parse((await client.next()).bytes)).toMatchObject({
      opcode: FETCH | ANSWER,
      status: NOT_FOUND,
    });
  });

  it('answers FETCH with the very file, close-on-exec, its size and rights', async () => {
    using plane = new Plane();
    const { client, session } = await plane.client();
    using _client = client;
    using buffer = await leased(plane, session, 12);
    client.socket.send(datagram(FETCH, 77, bufferIds(12)));
    const { bytes, fds } = await client.next();
    const answer = parse(bytes);
    expect(answer).toMatchObject({ opcode: FETCH | ANSWER, serial: 77, status: OK, fdCount: 1 });
    const view = new DataView(answer.payload.slice().buffer);
    expect([
      view.getBigUint64(0, true),
      view.getBigUint64(8, true),
      view.getUint32(16, true),
    ]).toEqual([12n, 4096n, 3]);
    expect(fds).toHaveLength(1);
    for (const fd of fds) {
      expect(addon.describeFd(fd).inode).toBe(addon.describeFd(buffer).inode);
      fd.close();
    }
  });

  it('hands out a pool of 253 buffers in one datagram, in the order asked for', async () => {
    using plane = new Plane();
    const { client, session } = await plane.client();
    using _client = client;
    const ids = Array.from({ length: 253 }, (_, index) => 1000 + index);
    using buffer = await addon.createMemfd('pool', 4096);
    for (const bufferId of ids)
      plane.plane.putLease(session, { bufferId, fd: buffer, sizeBytes: bufferId, flags: 1 });
    client.socket.send(datagram(FETCH, 1, bufferIds(...ids)));
    const { bytes, fds } = await client.next();
    expect(fds).toHaveLength(253);
    const payload = parse(bytes).payload.slice();
    const view = new DataView(payload.buffer);
    expect(ids.map((_, index) => Number(view.getBigUint64(24 * index, true)))).toEqual(ids);
    for (const fd of fds) fd.close();
  });

  it('answers all of a FETCH or nothing of it', async () => {
    using plane = new Plane();
    const { client, session } = await plane.client();
    using _client = client;
    using _buffer = await leased(plane, session, 1);
    client.socket.send(datagram(FETCH, 2, bufferIds(1, 99)));
    const { bytes, fds } = await client.next();
    expect(fds).toEqual([]);
    expect(parse(bytes)).toMatchObject({
      status: NOT_FOUND,
      text: expect.stringContaining('buffer_id 99'),
    });
  });

  it('gives a session nothing of another one', async () => {
    using plane = new Plane();
    const one = await plane.client();
    const other = await plane.client();
    using _one = one.client;
    using _other = other.client;
    using _buffer = await leased(plane, one.session, 1);
    other.client.socket.send(datagram(FETCH, 2, bufferIds(1)));
    expect(parse((await other.client.next()).bytes).status).toBe(NOT_FOUND);
    other.client.socket.send(datagram(RELEASE, 3, bufferIds(1)));
    expect(parse((await other.client.next()).bytes).status).toBe(NOT_FOUND);
  });

  it('drops the rows of a RELEASE, tells the main thread, and answers', async () => {
    using plane = new Plane();
    const { client, session } = await plane.client();
    using _client = client;
    using _one = await leased(plane, session, 1);
    using _two = await leased(plane, session, 2);
    client.socket.send(datagram(RELEASE, 5, bufferIds(1, 2, 1)));
    expect(parse((await client.next()).bytes)).toMatchObject({
      opcode: RELEASE | ANSWER,
      status: OK,
      fdCount: 0,
    });
    expect(await plane.event('released')).toMatchObject({ session, bufferIds: [1, 2] });
    client.socket.send(datagram(FETCH, 6, bufferIds(1)));
    expect(parse((await client.next()).bytes).status).toBe(NOT_FOUND);
  });

  it('hands any other request to the main thread, with its fds, and sends the answer it is given', async () => {
    using plane = new Plane();
    const { client, session } = await plane.client();
    using _client = client;
    using camera = await addon.createMemfd('camera', 4096);
    client.socket.send(datagram(ADOPT, 9, new Uint8Array(32).fill(65, 0, 3), { fdCount: 1 }), [
      camera,
    ]);
    const request = await plane.event('request');
    expect(request).toMatchObject({ session, serial: 9, opcode: ADOPT });
    expect(request.payload).toEqual(new Uint8Array(32).fill(65, 0, 3));
    expect(request.fds.map((fd) => addon.describeFd(fd).inode)).toEqual([
      addon.describeFd(camera).inode,
    ]);
    plane.plane.answer(session, request, OK, Uint8Array.of(1, 2, 3), request.fds);
    for (const fd of request.fds) fd.close();
    const { bytes, fds } = await client.next();
    expect(parse(bytes)).toMatchObject({
      opcode: ADOPT | ANSWER,
      serial: 9,
      status: OK,
      fdCount: 1,
    });
    for (const fd of fds) fd.close();
  });

  it('takes no more than 64 requests from a client that are not answered yet', async () => {
    using plane = new Plane();
    const { client, session } = await plane.client();
    using _client = client;
    using fd = await addon.createMemfd('flood', 4096);
    let sent = 0;
    while (
      sent < 100 &&
      client.socket.send(datagram(ADOPT, sent, new Uint8Array(32), { fdCount: 1 }), [fd])
    )
      sent++;
    await until(() => plane.events.length >= 64, '64 requests');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(plane.events).toHaveLength(64);
    for (let answered = 0; answered < sent; answered++) {
      const request = await plane.event('request');
      for (const each of request.fds) each.close();
      plane.plane.answer(session, request, OK, new Uint8Array(0));
    }
    await until(() => client.datagrams.length === sent, 'all answers');
  });

  it('lets no account wait for the thousands of requests of another one', async () => {
    using plane = new Plane({ maxSessions: 50 });
    const storm = [];
    for (let count = 0; count < 40; count++) storm.push(await plane.client('storm'));
    const { client, session } = await plane.client('other');
    plane.takesAtOnce = false;
    const send = async (from: TestClient, requests: number) => {
      for (let serial = 0; serial < requests; serial++) {
        from.socket.send(datagram(EXPORT_FENCE, serial, new Uint8Array(16)));
      }
      // Answered when all that was sent before it waits to be taken.
      from.socket.send(datagram(FETCH, 99, bufferIds(1)));
      await from.next();
    };
    for (const one of storm) await send(one.client, 63);
    await send(client, 1);
    expect(plane.plane.takeArrivals(2).map((arrival) => arrival.session)).toContain(session);

    const serials = new Map<number, number[]>();
    for (const arrival of plane.plane.takeArrivals(10_000)) {
      if (arrival.type !== 'request') continue;
      serials.set(arrival.session, [...(serials.get(arrival.session) ?? []), arrival.serial]);
    }
    expect(serials.size).toBe(storm.length);
    for (const taken of serials.values()) expect(taken).toEqual(taken.toSorted((a, b) => a - b));
    for (const each of [client, ...storm.map((one) => one.client)]) each.socket.close();
  });

  it('closes what came with requests that nobody took when their session ends', async () => {
    using plane = new Plane();
    const { client } = await plane.client();
    plane.takesAtOnce = false;
    const brought = await addon.createMemfd('brought', 4096);
    const open = () => openFds().filter((fd) => fd.includes('memfd:brought')).length;
    for (let serial = 0; serial < 10; serial++) {
      client.socket.send(datagram(ADOPT, serial, new Uint8Array(32), { fdCount: 1 }), [brought]);
    }
    brought.close();
    client.socket.send(datagram(FETCH, 99, bufferIds(1)));
    await client.next();
    expect(open()).toBe(10);
    client.socket.close();
    await until(() => open() === 0, 'their close');
    expect(plane.plane.takeArrivals(16)).toEqual([]);
  });

  const violations: [string, Uint8Array, number, string][] = [
    ['shorter than a header', new Uint8Array(15), 0, 'datagram of 15 bytes, a header has 16'],
    ['of an opcode that no client sends', datagram(WELCOME, 1, new Uint8Array(48)), 0, 'opcode 1'],
    ['of an unknown opcode', datagram(999, 1, new Uint8Array(8)), 0, 'opcode 999'],
    [
      'with a wrong length',
      datagram(FETCH, 1, bufferIds(1), { length: 23 }),
      0,
      'length 23 in the header of a datagram of 24',
    ],
    [
      'with a status',
      datagram(FETCH, 1, bufferIds(1), { status: 5 }),
      0,
      'status 5 in a request, must be 0',
    ],
    [
      'that announces an fd and brings none',
      datagram(ADOPT, 1, new Uint8Array(32), { fdCount: 1 }),
      0,
      'fd_count 1 in a datagram that carries 0',
    ],
    [
      'that brings an fd and announces none',
      datagram(FETCH, 1, bufferIds(1)),
      1,
      'fd_count 0 in a datagram that carries 1',
    ],
    [
      'with two fds where one belongs',
      datagram(ADOPT, 1, new Uint8Array(32), { fdCount: 2 }),
      2,
      'ADOPT: 2 fds, must be 1',
    ],
    [
      'with an fd where none belongs',
      datagram(FETCH, 1, bufferIds(1), { fdCount: 1 }),
      1,
      'FETCH: 1 fds, must be 0',
    ],
    [
      'with no buffer id',
      datagram(FETCH, 1, new Uint8Array(0)),
      0,
      'FETCH: payload of 0 bytes, must be 1 to 253 buffer ids',
    ],
    [
      'with half a buffer id',
      datagram(FETCH, 1, new Uint8Array(12)),
      0,
      'FETCH: payload of 12 bytes',
    ],
    [
      'with 254 buffer ids',
      datagram(FETCH, 1, new Uint8Array(8 * 254)),
      0,
      'FETCH: payload of 2032 bytes',
    ],
    [
      'with a payload of another size',
      datagram(ADOPT, 1, new Uint8Array(31), { fdCount: 1 }),
      1,
      'ADOPT: payload of 31 bytes, must be 32',
    ],
    [
      'larger than any of the protocol',
      datagram(FETCH, 1, new Uint8Array(9000)),
      0,
      'a datagram over 8192 bytes',
    ],
  ];

  it.each(violations)(
    'ends the connection after a datagram %s, and says why',
    async (_, bytes, fdCount, reason) => {
      using plane = new Plane();
      const { client } = await plane.client();
      using _client = client;
      using fd = await addon.createMemfd('violation', 4096);
      client.socket.send(
        bytes,
        Array.from({ length: fdCount }, () => fd),
      );
      const goodbye = parse((await client.next()).bytes);
      expect(goodbye).toMatchObject({ opcode: GOODBYE, serial: 0, status: FAILED_PRECONDITION });
      expect(goodbye.text).toContain(`protocol violation: `);
      expect(goodbye.text).toContain(reason);
      expect((await plane.event('disconnected')).reason).toContain(reason);
      await until(() => client.closed !== null, 'the end of the connection');
    },
  );

  it('refuses one session too many and serves the others', async () => {
    using plane = new Plane({ maxSessions: 1 });
    const { client, session } = await plane.client();
    using _client = client;
    using refused = new TestClient(plane.path);
    expect(parse((await refused.next()).bytes)).toMatchObject({
      opcode: GOODBYE,
      status: RESOURCE_EXHAUSTED,
      text: expect.stringContaining('1 sessions'),
    });
    using _buffer = await leased(plane, session, 1);
    client.socket.send(datagram(FETCH, 1, bufferIds(1)));
    const { fds } = await client.next();
    for (const fd of fds) fd.close();
    client.socket.close();
    await plane.event('disconnected');
    const next = await plane.client();
    next.client.socket.close();
  });

  it('accepts no more than 64 connections that nobody has taken, and refuses none of those that wait', async () => {
    const pidfds = () => openFds().filter((fd) => fd.endsWith('[pidfd]')).length;
    using plane = new Plane({ maxSessions: 100, takesAtOnce: false });
    const clients = Array.from({ length: 100 }, () => new TestClient(plane.path));
    // One to watch the process that connected, and one to be taken with the arrival.
    await until(() => pidfds() === 2 * 64, '64 connections');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(pidfds()).toBe(2 * 64);
    let taken = 0;
    await until(() => {
      for (const arrival of plane.plane.takeArrivals(16)) {
        if (arrival.type !== 'connected') continue;
        arrival.peer.pidfd?.close();
        taken++;
      }
      return taken === clients.length;
    }, 'all connections');
    expect(clients.filter(({ closed }) => closed !== null)).toEqual([]);
    for (const client of clients) client.socket.close();
    await until(() => plane.plane.takeBookings().length === 0 && pidfds() === 0, 'their ends');
  });

  it('is not kept from accepting by thousands that connect and leave while nobody takes them', async () => {
    using plane = new Plane({ takesAtOnce: false });
    for (let left = 0; left < 2000; left++) {
      (await connectOnceThereIsRoom(plane.path)).socket.close();
    }
    using _stays = await connectOnceThereIsRoom(plane.path);
    const taken: FdPlaneArrival[] = [];
    await until(() => {
      taken.push(...plane.plane.takeArrivals(64));
      return taken.length > 0;
    }, 'the one that stays');
    for (const arrival of taken) if (arrival.type === 'connected') arrival.peer.pidfd?.close();
    // The last few may have left unnoticed so far.
    expect(taken.length).toBeLessThan(100);
  });

  it('calls again for what came between the taking of bookings and of arrivals', async () => {
    const pidfds = () => openFds().filter((fd) => fd.endsWith('[pidfd]')).length;
    using plane = new Plane();
    const { client, session } = await plane.client();
    using _buffer = await leased(plane, session, 1);
    plane.takesAtOnce = false;
    const callsBefore = plane.calls;
    client.socket.send(datagram(RELEASE, 1, bufferIds(1)));
    await until(() => plane.calls > callsBefore, 'the call for the release');
    expect(plane.plane.takeBookings()).toMatchObject([{ type: 'released' }]);
    client.socket.close();
    await until(() => pidfds() === 0, 'the end of the session');
    expect(plane.calls).toBe(callsBefore + 1);
    expect(plane.plane.takeArrivals(16)).toEqual([]);
    await until(() => plane.calls === callsBefore + 2, 'the call for its end');
    expect(plane.plane.takeBookings()).toMatchObject([{ type: 'disconnected' }]);
  });

  it('ends a session with the process that opened it, even while a child keeps the connection', async () => {
    using plane = new Plane();
    // The parent connects, hands the connection to a child as its standard input, and is killed.
    const parent = spawn(process.execPath, [
      join(__dirname, 'processes', 'leave-connection-to-child.js'),
      plane.path,
    ]);
    const { session, peer } = await plane.event('connected');
    expect(peer.pid).toBe(parent.pid);
    peer.pidfd?.close();
    plane.plane.admit(session, TOKEN, 'test');
    const [line] = await once(parent.stdout, 'data');
    const childPid = Number(line.toString());
    const gone = once(parent, 'close');
    parent.kill('SIGKILL');
    expect(await plane.event('disconnected')).toMatchObject({
      session,
      reason: 'the process has exited',
    });
    process.kill(childPid, 'SIGKILL');
    await gone;
  });

  it('reads nothing from a client that does not take its answers, and serves the others', async () => {
    using plane = new Plane();
    const directory = plane.path;
    const stuck = spawn(
      process.execPath,
      [join(__dirname, 'processes', 'fetch-without-reading.js'), directory],
      {
        stdio: ['pipe', 'pipe', 'inherit'],
      },
    );
    const session = await plane.admit();
    using _buffer = await leased(plane, session, 1);
    stuck.stdin.write('go\n');
    const [line] = await once(stuck.stdout, 'data');
    expect(line.toString()).toContain('blocked');
    const before = openFds().length;
    const { client, session: good } = await plane.client();
    using _client = client;
    using _good = await leased(plane, good, 2);
    for (let round = 0; round < 50; round++) {
      client.socket.send(datagram(FETCH, round, bufferIds(2)));
      const { fds } = await client.next();
      expect(fds).toHaveLength(1);
      for (const fd of fds) fd.close();
    }
    expect(openFds().length).toBeLessThan(before + 10);
    stuck.kill('SIGKILL');
    await plane.event('disconnected');
  });

  it('says GOODBYE to everyone when it closes', async () => {
    const plane = new Plane();
    const { client } = await plane.client();
    using _client = client;
    plane[Symbol.dispose]();
    expect(parse((await client.next()).bytes)).toMatchObject({
      opcode: GOODBYE,
      status: UNAVAILABLE,
      text: 'the daemon stops',
    });
    await until(() => client.closed !== null, 'the end of the connection');
    plane.plane.close();
    expect(plane.plane.takeBookings()).toEqual([]);
    expect(plane.plane.takeArrivals(16)).toEqual([]);
  });

  it('takes calls about a session that has ended for nothing', async () => {
    using plane = new Plane();
    const { client, session } = await plane.client();
    client.socket.close();
    await plane.event('disconnected');
    using fd = await addon.createMemfd('late', 4096);
    plane.plane.putLease(session, { bufferId: 1, fd, sizeBytes: 1, flags: 1 });
    plane.plane.dropLease(session, 1);
    plane.plane.answer(session, { serial: 1, opcode: ADOPT }, OK, new Uint8Array(0), [fd]);
    plane.plane.dismiss(session, UNAVAILABLE, 'late');
    plane.plane.admit(session, TOKEN, 'test');
  });
});
