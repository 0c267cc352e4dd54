import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type OnReadOpts, type Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { PacedConnection } from '../../../../server/control/paced-connection';
import { Turns } from '../../../../server/control/turns';

describe('a paced connection', () => {
  let directory: string;
  let server: Server;
  const sockets: Socket[] = [];
  const turns = new Turns();

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'paced-'));
    server = createServer().listen(join(directory, 'socket'));
    await once(server, 'listening');
  });
  afterAll(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
    rmSync(directory, { recursive: true });
  });

  async function pair(
    account: string,
    its = turns,
  ): Promise<{ client: Socket; connection: PacedConnection }> {
    const accepted = once(server, 'connection');
    const open = (onread: OnReadOpts) => connect({ path: join(directory, 'socket'), onread });
    const connection = new PacedConnection(open, account, its, account);
    const [client] = await accepted;
    if (!(client instanceof Socket)) throw new Error('no socket');
    sockets.push(client);
    return { client, connection };
  }

  test('passes on all bytes, in order, and the end', async () => {
    const { client, connection } = await pair('alice');
    const sent = Buffer.from(Array.from({ length: 100_000 }, (_, i) => i % 251));
    client.end(sent);
    const received: Buffer[] = [];
    for await (const piece of connection) received.push(piece);
    expect(Buffer.concat(received).equals(sent)).toBe(true);
  });

  test('sends at once what is written at once', async () => {
    const { client, connection } = await pair('alice');
    const write = jest.spyOn(connection.socket, 'write');
    connection.cork();
    for (const frame of ['a header', ' and what is in it']) connection.write(frame);
    connection.uncork();
    const [received] = await once(client, 'data');
    expect(String(received)).toBe('a header and what is in it');
    expect(write).toHaveBeenCalledTimes(1);
  });

  test('sends what is written to it, and ends', async () => {
    const { client, connection } = await pair('alice');
    connection.write('one');
    connection.end('two');
    let received = '';
    client.on('data', (piece) => {
      received += piece.toString();
    });
    await once(client, 'end');
    expect(received).toBe('onetwo');
  });

  test('lets another account be heard in between, however much it is sent', async () => {
    const busy = await pair('alice');
    const quiet = await pair('bob');
    let readOfBusy = 0;
    let readOfBusyWhenQuietWasHeard = Number.NaN;
    busy.connection.on('data', (piece: Buffer) => {
      readOfBusy += piece.length;
      if (readOfBusy === piece.length) quiet.client.write('x');
    });
    quiet.connection.on('data', () => {
      readOfBusyWhenQuietWasHeard = readOfBusy;
    });
    busy.client.write(Buffer.alloc(60_000));
    while (readOfBusy < 60_000) await once(busy.connection, 'data');
    expect(readOfBusyWhenQuietWasHeard).toBeLessThan(60_000);
  });

  test('reads no more than a piece while its turn has no time left, and the rest stays in the socket', async () => {
    let nowMs = 0;
    const hurried = new Turns(() => {
      nowMs += 1;
      return nowMs;
    });
    const { client, connection } = await pair('alice', hurried);
    let readInTurn = 0;
    const most: number[] = [];
    connection.on('data', (piece: Buffer) => {
      if (readInTurn === 0) {
        void setImmediate().then(() => {
          most.push(readInTurn);
          readInTurn = 0;
        });
      }
      readInTurn += piece.length;
    });
    client.write(Buffer.alloc(10_000));
    while (connection.socket.bytesRead < 10_000) {
      await once(connection, 'data');
      // What was read of the socket was passed on, but for the two pieces that wait for their turns.
      expect(connection.socket.bytesRead).toBeLessThanOrEqual(256 * (most.length + 4));
    }
    expect(Math.max(...most)).toBeLessThanOrEqual(256);
  });

  test('reads no more than two pieces while others have their turns', async () => {
    const works: (() => void)[] = [];
    const turns = new Turns(() => 0);
    const take = jest.spyOn(turns, 'take');
    take.mockImplementation((_, work) => works.push(work));
    const { client, connection } = await pair('alice', turns);
    const received: Buffer[] = [];
    connection.on('data', (piece: Buffer) => received.push(piece));
    const sent = Buffer.from(Array.from({ length: 1000 }, (_, i) => i % 251));
    client.write(sent);
    await eventuallyRead(connection, 512);
    // Time to read more.
    for (let turn = 0; turn < 20; turn += 1) await setImmediate();
    expect(connection.socket.bytesRead).toBe(512);
    expect(received).toEqual([]);
    for (let bytes = 0; bytes < sent.length; bytes = Buffer.concat(received).length) {
      works.shift()?.();
      await setImmediate();
    }
    expect(Buffer.concat(received).equals(sent)).toBe(true);
  });

  test('passes on what waits before it ends', async () => {
    const works: (() => void)[] = [];
    const turns = new Turns();
    jest.spyOn(turns, 'take').mockImplementation((_, work) => works.push(work));
    const { client, connection } = await pair('alice', turns);
    const received: Buffer[] = [];
    const errors: unknown[] = [];
    connection.on('data', (piece: Buffer) => received.push(piece));
    connection.on('error', (error) => errors.push(error));
    const closed = once(connection.socket, 'close');
    client.end('the last words');
    await closed;
    for (const work of works) work();
    await once(connection, 'close');
    expect(String(Buffer.concat(received))).toBe('the last words');
    expect(errors).toEqual([]);
  });

  test('ends with its socket', async () => {
    const { client, connection } = await pair('alice');
    connection.resume();
    client.destroy();
    await once(connection, 'close');
    expect(connection.destroyed).toBe(true);
  });
});

async function eventuallyRead({ socket }: PacedConnection, bytes: number): Promise<void> {
  while (socket.bytesRead < bytes) await setImmediate();
}
