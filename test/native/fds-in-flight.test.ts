import type { Fd } from '../../native';
import { LazyClient, type Received } from './lazy-client';
import { expectNoFdLeak } from './open-fds';
import { leased, Plane } from './plane';
import { bufferIds, datagram, parse } from './sockets';

const WELCOME = 1;
const GOODBYE = 2;
const FETCH = 3;
const OK = 0;
const RESOURCE_EXHAUSTED = 8;
const LIMIT = 300;
const BUFFER = 1;

/** Ids of one and the same buffer: an answer with so many fds. */
function times(count: number): number[] {
  return Array.from({ length: count }, () => BUFFER);
}

/** A plane, and a client of it that receives only what it is told to receive. */
class Bench implements AsyncDisposable {
  readonly plane = new Plane({ maxSessions: 64, maxFdsInFlightPerAccount: LIMIT });
  readonly lazy = new LazyClient(this.plane.path);
  private readonly buffers: Fd[] = [];

  /** A session of the lazy client, which may fetch the buffer. Answers WELCOME or GOODBYE. */
  async connect(name: string, account = 'greedy'): Promise<Received> {
    const [session, answer] = await Promise.all([
      this.plane.admit(account),
      this.lazy.connect(name),
    ]);
    this.buffers.push(await leased(this.plane, session, BUFFER));
    return answer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.lazy[Symbol.asyncDispose]();
    for (const buffer of this.buffers) buffer.close();
    this.plane[Symbol.dispose]();
  }
}

describe('the fds on their way to the clients of one account', () => {
  expectNoFdLeak();

  it('are bounded: one more is refused, and the answer says how many there are and may be', async () => {
    await using bench = new Bench();
    const { lazy } = bench;
    await bench.connect('one');
    await lazy.fetch('one', times(253));
    await lazy.fetch('one', times(47));
    await lazy.fetch('one', times(1));
    expect(await lazy.receive('one')).toMatchObject({ status: OK, fds: 253 });
    expect(await lazy.receive('one')).toMatchObject({ status: OK, fds: 47 });
    expect(await lazy.receive('one')).toMatchObject({
      status: RESOURCE_EXHAUSTED,
      fds: 0,
      text: '300 fds are on their way to the processes of greedy, and 1 more would exceed the 300 that may be; receive them first',
    });
  });

  it('are counted no more once they are received', async () => {
    await using bench = new Bench();
    const { lazy } = bench;
    await bench.connect('one');
    for (let round = 0; round < 10; round++) {
      await lazy.fetch('one', times(253));
      expect(await lazy.receive('one')).toMatchObject({ status: OK, fds: 253 });
    }
  });

  it('are no matter to the clients of another account', async () => {
    await using bench = new Bench();
    const { plane, lazy } = bench;
    await bench.connect('one');
    await lazy.fetch('one', times(253));
    await lazy.fetch('one', times(47));
    const { client, session } = await plane.client('modest');
    using _client = client;
    using _buffer = await leased(plane, session, BUFFER);
    client.socket.send(datagram(FETCH, 1, bufferIds(...times(253))));
    const { bytes, fds } = await client.next();
    for (const fd of fds) fd.close();
    expect(parse(bytes)).toMatchObject({ status: OK, fdCount: 253 });
  });

  it('are those of all its sessions, and only an account with none may always be sent one answer', async () => {
    await using bench = new Bench();
    const { lazy } = bench;
    await bench.connect('one');
    await bench.connect('other');
    await lazy.fetch('one', times(253));
    await lazy.fetch('other', times(253));
    expect(await lazy.receive('other')).toMatchObject({ status: RESOURCE_EXHAUSTED });
    await lazy.receive('one');
    await lazy.fetch('other', times(253));
    expect(await lazy.receive('other')).toMatchObject({ status: OK, fds: 253 });
  });

  it('stay counted when the session ends before they are received, until its client drops them', async () => {
    await using bench = new Bench();
    const { plane, lazy } = bench;
    await bench.connect('one');
    await bench.connect('other');
    await lazy.fetch('other', times(1));
    await lazy.fetch('one', times(253));
    await lazy.violate('one');
    await plane.event('disconnected');
    await lazy.fetch('other', times(253));
    await lazy.receive('other');
    expect(await lazy.receive('other')).toMatchObject({ status: RESOURCE_EXHAUSTED });
    await lazy.fetch('other', times(1));
    await lazy.close('one');
    await lazy.fetch('other', times(253));
    await lazy.receive('other');
    expect(await lazy.receive('other')).toMatchObject({ status: OK, fds: 253 });
  });

  it('keep its new sessions out when they were left behind by 16 that ended', async () => {
    await using bench = new Bench();
    const { lazy } = bench;
    for (let ended = 0; ended < 16; ended++) {
      expect(await bench.connect(`${ended}`)).toMatchObject({ opcode: WELCOME });
      await lazy.fetch(`${ended}`, times(1));
      await lazy.violate(`${ended}`);
    }
    expect(await bench.connect('refused')).toMatchObject({
      opcode: GOODBYE,
      status: RESOURCE_EXHAUSTED,
      text: expect.stringContaining('ended connections of greedy'),
    });
    expect(await bench.connect('another', 'modest')).toMatchObject({ opcode: WELCOME });
    expect(await lazy.receive('7')).toMatchObject({ status: OK, fds: 1 });
    expect(await lazy.receive('7')).toMatchObject({ opcode: GOODBYE });
    expect(await bench.connect('admitted')).toMatchObject({ opcode: WELCOME });
  });
});
