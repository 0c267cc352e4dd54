import addon, { type Fd } from '../../native';
import { ANSWER, Opcode } from '../../proto/fd-numbers';
import { LazyClient } from './lazy-client';
import { expectNoFdLeak } from './open-fds';
import { leased, Plane, TOKEN } from './plane';
import { bufferIds, datagram, parse, TestClient, until } from './sockets';

const { WELCOME, GOODBYE, FETCH, ADOPT, RELEASE, EXPORT_FENCE } = Opcode;
const OK = 0;
const NOT_FOUND = 5;
const RESOURCE_EXHAUSTED = 8;
const FAILED_PRECONDITION = 9;
const BUFFER = 1;
/** More than the plane reads in a row. */
const MANY = 40;

const fetch = (serial: number, ...ids: number[]) =>
  datagram(FETCH, serial, bufferIds(...(ids.length === 0 ? [BUFFER] : ids)));
const exportFence = (serial: number) => datagram(EXPORT_FENCE, serial, new Uint8Array(16));
const from = (first: number, count: number) => Array.from({ length: count }, (_, i) => first + i);

/**
 * A client whose requests all lie in its socket before the first is read, so that the plane looks at several at once: it
 * has a buffer, and whatever `send` sent.
 */
async function withWaiting(plane: Plane, send: (client: TestClient) => void) {
  const client = new TestClient(plane.path);
  send(client);
  const { session, peer } = await plane.event('connected');
  peer.pidfd?.close();
  const buffer = await leased(plane, session, BUFFER);
  plane.plane.admit(session, TOKEN, 'test');
  expect(parse((await client.next()).bytes).opcode).toBe(WELCOME);
  return {
    client,
    session,
    [Symbol.dispose]() {
      buffer.close();
      client[Symbol.dispose]();
    },
  };
}

/** The next answers, without their fds. */
async function answers(client: TestClient, count: number) {
  const taken = [];
  for (let i = 0; i < count; i++) {
    const { bytes, fds } = await client.next();
    for (const fd of fds) fd.close();
    taken.push({ ...parse(bytes), fds: fds.length });
  }
  return taken;
}

const fetched = (serial: number) =>
  expect.objectContaining({ opcode: FETCH | ANSWER, serial, status: OK, fds: 1 });

describe('requests that wait together', () => {
  expectNoFdLeak();

  it('are answered in their order, each as if it had come alone', async () => {
    using plane = new Plane();
    using waiting = await withWaiting(plane, ({ socket }) => {
      for (const serial of from(1, MANY)) socket.send(fetch(serial));
      socket.send(fetch(90, BUFFER, 99));
      socket.send(datagram(RELEASE, 91, bufferIds(BUFFER)));
      socket.send(fetch(92));
    });
    expect(await answers(waiting.client, MANY + 3)).toEqual([
      ...from(1, MANY).map(fetched),
      expect.objectContaining({ serial: 90, status: NOT_FOUND, fds: 0 }),
      expect.objectContaining({ opcode: RELEASE | ANSWER, serial: 91, status: OK }),
      expect.objectContaining({ serial: 92, status: NOT_FOUND, fds: 0 }),
    ]);
    expect((await plane.event('released')).bufferIds).toEqual([BUFFER]);
  });

  it('keep their order around one that brings an fd, and one that is too large to be looked at with others', async () => {
    using plane = new Plane();
    using brought = await addon.createMemfd('brought', 4096);
    using waiting = await withWaiting(plane, ({ socket }) => {
      for (const serial of from(1, 6)) socket.send(exportFence(serial));
      socket.send(datagram(ADOPT, 7, new Uint8Array(32), { fdCount: 1 }), [brought]);
      for (const serial of from(8, 6)) socket.send(exportFence(serial));
      socket.send(fetch(14, ...from(1, 200)));
      for (const serial of from(15, 6)) socket.send(fetch(serial));
    });
    expect(await answers(waiting.client, 7)).toEqual([
      expect.objectContaining({ serial: 14, status: NOT_FOUND }),
      ...from(15, 6).map(fetched),
    ]);
    const requests = plane.events.filter((event) => event.type === 'request');
    expect(requests.map(({ opcode, serial }) => [opcode, serial])).toEqual(
      from(1, 13).map((serial) => [serial === 7 ? ADOPT : EXPORT_FENCE, serial]),
    );
    expect(requests.flatMap(({ fds }) => fds).map((fd) => addon.describeFd(fd).inode)).toEqual([
      addon.describeFd(brought).inode,
    ]);
    for (const fd of requests.flatMap(({ fds }) => fds)) fd.close();
  });

  it.each([
    ['nothing else', 0],
    ['an fd', 1],
  ])('are answered up to an empty one with %s, at which the connection ends', async (_, fds) => {
    using plane = new Plane();
    using brought = await addon.createMemfd('brought', 4096);
    using waiting = await withWaiting(plane, ({ socket }) => {
      for (const serial of from(1, 6)) socket.send(fetch(serial));
      socket.send(new Uint8Array(0), Array<Fd>(fds).fill(brought));
      for (const serial of from(8, 6)) socket.send(fetch(serial));
    });
    const { client } = waiting;
    expect(await answers(client, 6)).toEqual(from(1, 6).map(fetched));
    await until(() => client.closed !== null, 'the end of the connection');
    expect(client.datagrams).toEqual([]);
    expect((await plane.event('disconnected')).reason).toBe('the connection was closed');
  });

  it('are answered up to one that breaks the protocol, and GOODBYE is the last word', async () => {
    using plane = new Plane();
    using waiting = await withWaiting(plane, ({ socket }) => {
      for (const serial of from(1, 6)) socket.send(fetch(serial));
      socket.send(new Uint8Array(15));
      for (const serial of from(8, 6)) socket.send(fetch(serial));
    });
    const { client } = waiting;
    expect(await answers(client, 6)).toEqual(from(1, 6).map(fetched));
    expect(await answers(client, 1)).toMatchObject([
      {
        opcode: GOODBYE,
        status: FAILED_PRECONDITION,
        text: expect.stringContaining('datagram of 15 bytes'),
      },
    ]);
    await until(() => client.closed !== null, 'the end of the connection');
    expect(client.datagrams).toEqual([]);
  });

  it('are taken no further than 64 that are not answered', async () => {
    using plane = new Plane();
    using waiting = await withWaiting(plane, ({ socket }) => {
      // So that the last of the 64 is amid those that are looked at together.
      for (const serial of from(1, 5)) socket.send(fetch(serial));
      for (const serial of from(1, 100)) socket.send(exportFence(serial));
    });
    const { client, session } = waiting;
    expect(await answers(client, 5)).toEqual(from(1, 5).map(fetched));
    await until(() => plane.events.length >= 64, '64 requests');
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(plane.events).toHaveLength(64);
    for (const serial of from(1, 100)) {
      const request = await plane.event('request');
      expect(request.serial).toBe(serial);
      plane.plane.answer(session, request, OK, new Uint8Array(0));
    }
    expect((await answers(client, 100)).map(({ serial }) => serial)).toEqual(from(1, 100));
  });

  it('are refused exactly from where their fds would be more than the account may have on their way', async () => {
    using plane = new Plane({ maxFdsInFlightPerAccount: 300 });
    await using lazy = new LazyClient(plane.path);
    const connected = lazy.connect('one');
    const session = await plane.admit();
    await connected;
    using _buffer = await leased(plane, session, BUFFER);
    const fds = 14;
    await lazy.pipeline('one', MANY, Array<number>(fds).fill(BUFFER));
    await plane.event('request');
    const received = [];
    for (let i = 0; i < MANY; i++) received.push(await lazy.receive('one'));
    const most = Math.floor(300 / fds);
    expect(received.map(({ status }) => status)).toEqual([
      ...Array<number>(most).fill(OK),
      ...Array<number>(MANY - most).fill(RESOURCE_EXHAUSTED),
    ]);
  });
});
