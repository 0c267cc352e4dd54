import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes, randomInt } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { connect, Socket } from 'node:net';
import { join } from 'node:path';
import addon, { type Fd, Poll, type StreamListener } from '../../native';
import { patience } from '../e2e/slowness';
import { projectRoot } from '../jest-run';
import { expectNoFdLeak } from './open-fds';
import { Directory, listenForFds, until } from './sockets';

// Node attaches no fds. Python does, and is there: the addon's build needs it.
const ATTACH_FDS = join(projectRoot, 'test', 'e2e', 'processes', 'attach-fds.py');
const PIECES = 4 * 1024 * 1024;
/** A write that takes so long is taken for one that nobody takes. */
const STALLED_MS = patience(100);

const threads = () => readdirSync('/proc/self/task').length;

/** Where clients may attach fds, on any kernel, and connections are relayed. */
class Relay implements Disposable {
  readonly directory = new Directory();
  readonly path = this.directory.join('s');
  /** What has been handed out and not been taken. */
  readonly handedOut: Fd[] = [];
  readonly #sockets: Socket[] = [];
  #listener: Fd | StreamListener | null = null;

  static async listen(): Promise<Relay> {
    const relay = new Relay();
    relay.#listener = await listenForFds(relay.path);
    return relay;
  }

  static async start(): Promise<Relay> {
    const relay = await Relay.listen();
    relay.accept();
    return relay;
  }

  accept(): void {
    const listener = this.#listener;
    if (listener === null || !('number' in listener)) throw new Error('it accepts already');
    this.#listener = addon.acceptStreams(listener, (connection, peer) => {
      peer.pidfd?.close();
      this.handedOut.push(connection);
    });
  }

  close(): void {
    this.#listener?.close();
  }

  /** A client, and the fd that stands for its connection. */
  async connect(): Promise<{ client: Socket; fd: Fd }> {
    const client = connect({ path: this.path, allowHalfOpen: true });
    this.#sockets.push(client);
    return { client, fd: await this.nextHandedOut() };
  }

  /** A client, and the socket that stands for its connection. */
  async pair(): Promise<{ client: Socket; server: Socket }> {
    const { client, fd } = await this.connect();
    return { client, server: this.open(fd) };
  }

  /** A socket on what was handed out. */
  open(fd: Fd): Socket {
    const number = fd.release();
    const socket = new Socket({ fd: number, readable: true, writable: true, allowHalfOpen: true });
    this.#sockets.push(socket);
    return socket;
  }

  async nextHandedOut(): Promise<Fd> {
    await until(() => this.handedOut.length > 0, 'a connection');
    const fd = this.handedOut.shift();
    if (fd === undefined) throw new Error('it was taken');
    return fd;
  }

  [Symbol.dispose](): void {
    this.close();
    for (const socket of this.#sockets) socket.destroy();
    for (const fd of this.handedOut) fd.close();
    this.directory[Symbol.dispose]();
  }
}

/** Writes in pieces of random sizes, as fast as they are taken, and ends. */
async function send(socket: Socket, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const piece = bytes.subarray(at, at + randomInt(1, 100_000));
    at += piece.length;
    if (!socket.write(piece)) await once(socket, 'drain');
  }
  socket.end();
}

/** All that comes until the other side ends. */
async function receive(socket: Socket): Promise<Buffer> {
  const pieces: Buffer[] = [];
  socket.on('data', (piece: Buffer) => pieces.push(piece));
  await once(socket, 'end');
  return Buffer.concat(pieces);
}

/** Writes until nobody takes more; answers how much was taken. */
async function fill(socket: Socket, pieceBytes = 4096): Promise<number> {
  const piece = Buffer.alloc(pieceBytes, 'x');
  let taken = 0;
  for (;;) {
    const written = new Promise<true>((resolve) => socket.write(piece, () => resolve(true)));
    const given = new Promise<false>((resolve) => setTimeout(resolve, STALLED_MS, false));
    if (!(await Promise.race([written, given]))) return taken;
    taken += piece.length;
  }
}

describe('a relayed connection', () => {
  expectNoFdLeak();

  it('carries megabytes both ways at once, in whatever pieces they are written', async () => {
    using relay = await Relay.start();
    const { client, server } = await relay.pair();
    const [up, down] = [randomBytes(PIECES), randomBytes(PIECES)];
    const received = Promise.all([receive(server), receive(client)]);
    await Promise.all([send(client, up), send(server, down)]);
    const [atServer, atClient] = await received;
    expect(atServer.equals(up)).toBe(true);
    expect(atClient.equals(down)).toBe(true);
  });

  it('is written to after the client has ended its half', async () => {
    using relay = await Relay.start();
    const { client, server } = await relay.pair();
    client.end('a question');
    expect((await receive(server)).toString()).toBe('a question');
    const answer = randomBytes(PIECES);
    const received = receive(client);
    await send(server, answer);
    expect((await received).equals(answer)).toBe(true);
  });

  it('is read from after the reader has ended its own half', async () => {
    using relay = await Relay.start();
    const { client, server } = await relay.pair();
    server.end('a question');
    expect((await receive(client)).toString()).toBe('a question');
    const answer = randomBytes(PIECES);
    const received = receive(server);
    await send(client, answer);
    expect((await received).equals(answer)).toBe(true);
  });

  it.each([
    ['client', 'small', 4096],
    ['client', 'large', 35_000],
    ['server', 'small', 4096],
    ['server', 'large', 35_000],
  ] as const)(
    'loses nothing that the %s wrote in %s pieces before it closed, though the other reads later',
    async (closesFirst, _size, pieceBytes) => {
      using relay = await Relay.start();
      const { client, server } = await relay.pair();
      const [closing, reading] = closesFirst === 'client' ? [client, server] : [server, client];
      const taken = await fill(closing, pieceBytes);
      closing.destroy();
      await once(closing, 'close');
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect((await receive(reading)).length).toBeGreaterThanOrEqual(taken);
    },
  );

  it('is hung up for whoever polls it when the client has gone, though nobody reads', async () => {
    using relay = await Relay.start();
    const { client, fd } = await relay.connect();
    using connection = fd;
    await fill(client);
    expect(addon.pollNow(connection, 0) & Poll.HUP).toBe(0);
    client.destroy();
    await until(() => (addon.pollNow(connection, 0) & Poll.HUP) !== 0, 'the hang-up');
  });

  it('makes either side wait for the other to read, and keeps little in between', async () => {
    using relay = await Relay.start();
    const { client, server } = await relay.pair();
    for (const writer of [client, server]) expect(await fill(writer)).toBeLessThan(2 * 1024 * 1024);
    const piecesOfOthers = await relay.pair();
    piecesOfOthers.client.end('as ever');
    expect((await receive(piecesOfOthers.server)).toString()).toBe('as ever');
  });

  it('outlives the listener, and its thread lives no longer than the last connection', async () => {
    const before = threads();
    using relay = await Relay.start();
    const { client, server } = await relay.pair();
    relay.close();
    client.end('still here');
    expect((await receive(server)).toString()).toBe('still here');
    server.destroy();
    await until(() => threads() <= before, 'the end of the thread');
  });
});

/** A process that attaches an fd to what it sends, until it is disposed of. */
class Attacker implements AsyncDisposable {
  readonly #process: ChildProcess;
  #said = '';

  constructor(path: string, how: string) {
    this.#process = spawn('python3', [ATTACH_FDS, path, how], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#process.stdout?.on('data', (chunk: Buffer) => {
      this.#said += chunk.toString();
    });
  }

  hasSaid(word: 'sent' | 'ended'): boolean {
    return this.#said.includes(word);
  }

  async says(word: 'sent' | 'ended'): Promise<void> {
    await until(() => this.hasSaid(word), `the attacker says ${word}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const gone = once(this.#process, 'close');
    this.#process.kill('SIGKILL');
    await gone;
  }
}

describe('a client that attaches an fd whose close blocks for an hour', () => {
  expectNoFdLeak();

  async function serves(relay: Relay): Promise<void> {
    const { client, server } = await relay.pair();
    client.end('as ever');
    expect((await receive(server)).toString()).toBe('as ever');
  }

  // Accepted only when the attacker has sent and closed, so that the last close is surely not the attacker's.
  it.each(['first', 'out-of-band'])('is cut off, unread: %s', async (how) => {
    using relay = await Relay.listen();
    await using attacker = new Attacker(relay.path, how);
    await attacker.says('sent');
    relay.accept();
    const server = relay.open(await relay.nextHandedOut());
    expect((await receive(server)).toString()).toBe('');
    await attacker.says('ended');
    await serves(relay);
  });

  it('is cut off later, too', async () => {
    using relay = await Relay.start();
    await using attacker = new Attacker(relay.path, 'later');
    // It tries again if the last close was its own.
    while (!attacker.hasSaid('ended')) {
      const server = relay.open(await relay.nextHandedOut());
      server.once('data', () => server.write('!'));
      expect((await receive(server)).toString()).toBe('good bytes');
      await until(() => attacker.hasSaid('ended') || relay.handedOut.length > 0, 'the end');
    }
    await serves(relay);
  });

  it('may do so behind bytes that nobody reads: its connection is closed all the same', async () => {
    using relay = await Relay.start();
    await using attacker = new Attacker(relay.path, 'behind');
    const connection = await relay.nextHandedOut();
    await attacker.says('sent');
    connection.close();
    await attacker.says('ended');
    await serves(relay);
  });

  it('may do so before it is accepted: the listener is closed all the same', async () => {
    using relay = await Relay.listen();
    await using attacker = new Attacker(relay.path, 'first');
    await attacker.says('sent');
    relay.accept();
    relay.close();
    await attacker.says('ended');
  });
});
