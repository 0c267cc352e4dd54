import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import addon, { type Fd, type FdPlaneArrival } from '../../native';
import { expectNoFdLeak } from './open-fds';
import { leased, Plane, TOKEN } from './plane';
import { bufferIds, datagram, parse, TestClient, until } from './sockets';

const FETCH = 3;
const RELEASE = 5;
const RESTARTED = 9;
const ANSWER = 0x8000;
const OK = 0;
const NOT_FOUND = 5;

/** One plane after the other, and what the first leaves to the second: the connection of a session. */
function handOver(plane: Plane, session: number): Fd {
  const socket = plane.plane.duplicateSocket(session);
  if (socket === null) throw new Error('the session has ended');
  plane.plane.close({ keepsSessions: true });
  return socket;
}

/** A client whose session has been left by one plane, and the next one, which has not resumed it yet. */
class Successor extends Plane {
  private constructor(
    private readonly first: Plane,
    readonly left: { readonly client: TestClient; readonly session: number; readonly socket: Fd },
    firstSession: number,
  ) {
    super({ firstSession });
  }

  static async of(firstSession = 100): Promise<Successor> {
    const first = new Plane();
    const { client, session } = await first.client();
    return new Successor(
      first,
      { client, session, socket: handOver(first, session) },
      firstSession,
    );
  }

  override [Symbol.dispose](): void {
    super[Symbol.dispose]();
    this.left.client[Symbol.dispose]();
    this.first[Symbol.dispose]();
  }
}

function resume(plane: Plane, session: number, socket: Fd): void {
  const peer = plane.plane.resume(session, socket);
  peer.pidfd?.close();
}

describe('a session that outlives its plane', () => {
  expectNoFdLeak();

  it('hears nothing of the end, RESTARTED of the new beginning, and fetches as before', async () => {
    using second = await Successor.of();
    const { client, session, socket } = second.left;
    resume(second, session, socket);
    using buffer = await leased(second, session, 12);
    client.socket.send(datagram(FETCH, 5, bufferIds(12)));
    second.plane.readmit(session, 'test');

    const restarted = parse((await client.next()).bytes);
    expect(restarted).toMatchObject({ opcode: RESTARTED, serial: 0, status: OK, fdCount: 0 });
    expect([...restarted.payload]).toEqual([1, 0, 0, 0, 0, 0, 0, 0]);
    const { bytes, fds } = await client.next();
    expect(parse(bytes)).toMatchObject({ opcode: FETCH | ANSWER, serial: 5, status: OK });
    expect(fds.map((fd) => addon.describeFd(fd).inode)).toEqual([addon.describeFd(buffer).inode]);
    for (const fd of fds) fd.close();
    expect(client.closed).toBeNull();
  });

  it('is not read from before it is readmitted', async () => {
    using second = await Successor.of();
    const { client, session, socket } = second.left;
    resume(second, session, socket);
    client.socket.send(datagram(FETCH, 5, bufferIds(12)));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(client.datagrams).toEqual([]);
    second.plane.readmit(session, 'test');
    expect(parse((await client.next()).bytes).opcode).toBe(RESTARTED);
    expect(parse((await client.next()).bytes)).toMatchObject({ serial: 5, status: NOT_FOUND });
  });

  it('is read from the first datagram, whatever the earlier process has looked at', async () => {
    using second = await Successor.of();
    const { client, session, socket } = second.left;
    using brought = await addon.createMemfd('brought', 4096);
    for (const serial of [1, 2, 3, 4]) client.socket.send(datagram(FETCH, serial, bufferIds(12)));
    client.socket.send(new Uint8Array(0), [brought]);
    client.socket.send(datagram(FETCH, 5, bufferIds(12)));
    const lookedAhead = spawn('python3', ['-c', LOOK_AHEAD], {
      stdio: ['ignore', 'ignore', 'inherit', socket.number],
    });
    expect(await once(lookedAhead, 'exit')).toEqual([0, null]);
    resume(second, session, socket);
    second.plane.readmit(session, 'test');
    expect(parse((await client.next()).bytes).opcode).toBe(RESTARTED);
    for (const serial of [1, 2, 3, 4]) {
      expect(parse((await client.next()).bytes)).toMatchObject({ serial, status: NOT_FOUND });
    }
    await until(() => client.closed !== null, 'the end at the empty datagram');
    expect(client.datagrams).toEqual([]);
  });

  it('has an id that no new one is given', async () => {
    using second = await Successor.of();
    const { session, socket } = second.left;
    resume(second, session, socket);
    const { client: other, session: another } = await second.client();
    using _other = other;
    expect([session, another]).toEqual([1, 100]);
  });

  it('is never another one: an id that is taken is refused', async () => {
    using second = await Successor.of(1);
    const { session, socket } = second.left;
    const { client: other } = await second.client();
    using _other = other;
    expect(() => resume(second, session, socket)).toThrow(
      expect.objectContaining({ code: 'EEXIST' }),
    );
    expect(other.closed).toBeNull();
    expect(other.datagrams).toEqual([]);
  });

  it('comes before all who wait: nobody is accepted before the plane is opened', async () => {
    using plane = new Plane({ isOpen: false });
    using client = new TestClient(plane.path);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(plane.calls).toBe(0);
    plane.plane.open();
    await plane.admit();
    expect(parse((await client.next()).bytes).status).toBe(OK);
  });

  it('leaves to be booked what was answered and not taken', async () => {
    using plane = new Plane({ takesAtOnce: false });
    const arrivals: FdPlaneArrival[] = [];
    using client = new TestClient(plane.path);
    await until(() => arrivals.push(...plane.plane.takeArrivals(1)) > 0, 'a connection');
    for (const arrival of arrivals) if (arrival.type === 'connected') arrival.peer.pidfd?.close();
    plane.plane.admit(1, TOKEN, 'test');
    using _buffer = await leased(plane, 1, 12);
    await client.next();
    client.socket.send(datagram(RELEASE, 5, bufferIds(12)));
    expect(parse((await client.next()).bytes)).toMatchObject({ serial: 5, status: OK });
    expect(plane.plane.close({ keepsSessions: true })).toEqual([
      { session: 1, type: 'released', bufferIds: [12] },
    ]);
  });

  it('ends when its client has left in between', async () => {
    using first = new Plane();
    const { client, session } = await first.client();
    const socket = handOver(first, session);
    client[Symbol.dispose]();
    using second = new Plane({ firstSession: 100 });
    resume(second, session, socket);
    expect(await second.event('disconnected')).toMatchObject({ session });
  });

  it('ends with the process behind it, as before', async () => {
    using first = new Plane();
    const child: ChildProcess = spawn('python3', ['-c', CONNECT, first.path]);
    const session = await first.admit();
    const socket = handOver(first, session);
    using second = new Plane({ firstSession: 100 });
    resume(second, session, socket);
    second.plane.readmit(session, 'test');
    child.kill('SIGKILL');
    expect(await second.event('disconnected')).toMatchObject({ session });
  });

  it('does not come back without the process, which nobody could identify', async () => {
    using first = new Plane();
    const child: ChildProcess = spawn('python3', ['-c', CONNECT, first.path]);
    const session = await first.admit();
    const socket = handOver(first, session);
    child.kill('SIGKILL');
    await once(child, 'exit');
    using second = new Plane({ firstSession: 100 });
    try {
      resume(second, session, socket);
      // Linux 6.16 and later have a pidfd of it all the same: the session ends at once.
      expect(await second.event('disconnected')).toMatchObject({ session });
    } catch (error) {
      expect(error).toMatchObject({ code: 'ESRCH' });
    }
    expect(socket.closed).toBe(true);
  });

  it('is one whose connection is told from others by nobody who has none', async () => {
    using plane = new Plane();
    expect(plane.plane.duplicateSocket(7)).toBeNull();
    plane.plane.readmit(7, 'test');
    const { client, session } = await plane.client();
    client[Symbol.dispose]();
    await until(() => plane.plane.duplicateSocket(session) === null, 'the end of the session');
  });
});

/** Connects, and stays. */
const CONNECT = `
import socket, sys, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
s.connect(sys.argv[1])
time.sleep(600)
`;

/** Looks at six datagrams of the connection it inherits, and leaves the kernel's offset where it is. */
const LOOK_AHEAD = `
import socket
s = socket.socket(fileno=3)
SO_PEEK_OFF = 42
s.setsockopt(socket.SOL_SOCKET, SO_PEEK_OFF, 0)
for _ in range(6):
    s.recv(100, socket.MSG_PEEK | socket.MSG_DONTWAIT)
`;
