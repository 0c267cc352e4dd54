import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Broker, connect } from '../../client';
import { FD_SOCKET_NAME } from '../../proto';
import { DaemonProcess } from './daemon-process';
import { patience } from './slowness';

const SIZE = 4096;
const END_BY_ITSELF = join(__dirname, 'processes', 'end-by-itself.js');
const DAEMON = join(__dirname, '..', '..', 'server', 'main.js');

/** What a broker says of itself, in order. */
function recordOf(broker: Broker): string[] {
  const said: string[] = [];
  broker.on('disconnected', () => said.push('disconnected'));
  broker.on('reconnected', () => said.push('reconnected'));
  broker.on('lost', ({ id }) => said.push(`lost ${id}`));
  return said;
}

const disconnected = (broker: Broker) =>
  new Promise<void>((resolve) => {
    broker.once('disconnected', () => resolve());
  });

describe('when the daemon restarts', () => {
  test.each([
    ['is stopped', (daemon: DaemonProcess) => daemon.stop()],
    ['is killed', (daemon: DaemonProcess) => daemon.kill()],
  ])('and %s, the SDK says so, reconnects, and old buffers are lost', async (_how, end) => {
    await using daemon = await DaemonProcess.start();
    await using broker = await connect({ runtimeDirectory: daemon.runtimeDirectory });
    const said = recordOf(broker);
    const buffer = await broker.allocate({ sizeBytes: SIZE });
    await buffer.write(0, Buffer.from('still here'));
    using mapping = await buffer.map();

    const gone = disconnected(broker);
    await end(daemon);
    await gone;
    expect(broker.connected).toBe(false);
    await expect(broker.heaps()).rejects.toMatchObject({
      name: 'ConnectionLostError',
      message: expect.stringContaining('not connected to the daemon'),
    });

    await daemon.restart();
    await broker.whenConnected({ timeoutMs: patience() });
    expect(said).toEqual(['disconnected', `lost ${buffer.id}`, 'reconnected']);
    expect(buffer.lost).toBe(true);
    await expect(buffer.read(0, 1)).rejects.toMatchObject({
      name: 'ConnectionLostError',
      message: expect.stringMatching(/^buffer \d+ was lost with its session/),
    });
    const bytes = new Uint8Array(10);
    mapping.read(0, bytes);
    expect(Buffer.from(bytes).toString()).toBe('still here');
    const direct = await buffer.read(0, 10, { arbitrated: false });
    expect(Buffer.from(direct).toString()).toBe('still here');
    await buffer.release();

    const next = await broker.allocate({ sizeBytes: SIZE });
    await next.write(0, Buffer.from('anew'));
  });

  test('an event stream ends with an error, and a call under way rejects', async () => {
    await using daemon = await DaemonProcess.start();
    await using broker = await connect({ runtimeDirectory: daemon.runtimeDirectory });
    await using rival = await connect({ runtimeDirectory: daemon.runtimeDirectory });
    const buffer = await broker.allocate({ sizeBytes: SIZE });
    await buffer.share({ name: 'contended' });
    const theirs = await rival.open({ name: 'contended' });
    const events = await broker.watch();
    const next = expect(events.find(() => false)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    const inside = buffer.access('write', async () => {
      const waiting = expect(theirs.read(0, 1)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      const lost = disconnected(broker);
      await daemon.kill();
      await lost;
      await waiting;
    });
    await expect(inside).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await next;
  });
});

describe('when the daemon answers no more', () => {
  test('a client that closes its broker ends, with calls and streams under way', async () => {
    await using daemon = await DaemonProcess.start();
    const client = spawn(process.execPath, [END_BY_ITSELF, daemon.runtimeDirectory]);
    try {
      const lines = createInterface(client.stdout)[Symbol.asyncIterator]();
      expect((await lines.next()).value).toBe('ready');
      process.kill(daemon.pid, 'SIGSTOP');
      const ended = once(client, 'exit', { signal: AbortSignal.timeout(patience()) });
      client.stdin.end();
      expect(await ended).toEqual([0, null]);
      expect((await lines.next()).value).toBe('["UNAVAILABLE","UNAVAILABLE"]');
    } finally {
      client.kill('SIGKILL');
    }
  });
});

describe('one directory', () => {
  test('is for one daemon: a second is refused with the pid of the first', async () => {
    await using daemon = await DaemonProcess.start();
    const { exitCode, stderr } = await daemon.startRival();
    expect(exitCode).not.toBe(0);
    expect(stderr).toContain(String(daemon.pid));
    await using broker = await connect({ runtimeDirectory: daemon.runtimeDirectory });
    await broker.allocate({ sizeBytes: SIZE });
  });

  test('with the sockets of a daemon that was killed is taken over', async () => {
    await using daemon = await DaemonProcess.start();
    await daemon.kill();
    const socket = join(daemon.runtimeDirectory, FD_SOCKET_NAME);
    expect(existsSync(socket)).toBe(true);
    await expect(connect({ runtimeDirectory: daemon.runtimeDirectory })).rejects.toMatchObject({
      name: 'ConnectionLostError',
      message: expect.stringContaining(socket),
    });
    await daemon.restart();
    await using broker = await connect({ runtimeDirectory: daemon.runtimeDirectory });
    expect(await broker.heaps()).not.toHaveLength(0);
  });

  test('is left without sockets by a daemon that was stopped', async () => {
    await using daemon = await DaemonProcess.start();
    expect(await daemon.stop()).toBe(0);
    expect(existsSync(join(daemon.runtimeDirectory, FD_SOCKET_NAME))).toBe(false);
    await expect(connect({ runtimeDirectory: daemon.runtimeDirectory })).rejects.toThrow(
      'no dmabufd at',
    );
  });
});

describe('a daemon whose log nobody reads any more', () => {
  test('still ends when it is asked to, and removes its sockets', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'dmabufd-unread-'));
    const daemon = spawn(
      process.execPath,
      [DAEMON, '--no-policy', '--runtime-dir', join(directory, 'run')],
      {
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    );
    try {
      for await (const lines of daemon.stderr) if (String(lines).includes('"ready"')) break;
      daemon.stderr.destroy();
      const ended = once(daemon, 'exit', { signal: AbortSignal.timeout(patience()) });
      daemon.kill('SIGTERM');
      expect(await ended).toEqual([0, null]);
      expect(existsSync(join(directory, 'run', FD_SOCKET_NAME))).toBe(false);
    } finally {
      daemon.kill('SIGKILL');
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
