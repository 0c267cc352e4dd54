import { readdirSync } from 'node:fs';
import { connect } from '../../../client';
import { patience } from '../slowness';
import { ManagedDaemon, type Told } from './managed-daemon';

const isAlive = (told: Told): told is Extract<Told, { alive: true }> => 'alive' in told;

describe('under a service manager, the daemon', () => {
  test('says that it is ready, and in one line how it does', async () => {
    await using managed = await ManagedDaemon.start();
    await using broker = await connect({ runtimeDirectory: managed.runtimeDirectory });
    await broker.allocate({ sizeBytes: 2 ** 20 });
    await managed.status('1 session, 1 buffer (1.0 MiB)');
  });

  test('never waits for the next who connects: blocking sockets are what service managers give', async () => {
    await using managed = await ManagedDaemon.start();
    const limits = { timeoutMs: patience(5_000) };
    const { runtimeDirectory } = managed;
    await using broker = await connect({ runtimeDirectory, ...limits });
    await using buffer = await broker.allocate({ sizeBytes: 4096 }, limits);
    await buffer.write(0, Buffer.from('fetched'), limits);
    expect(Buffer.from(await buffer.read(0, 7, limits)).toString()).toBe('fetched');
  });

  test('serves the sockets that it was given, and leaves them when it ends', async () => {
    await using managed = await ManagedDaemon.start();
    managed.hold();
    managed.kill('SIGTERM');
    expect((await managed.notified('STOPPING')).notified).toMatchObject({ STOPPING: '1' });
    expect(await managed.ended()).toBe(0);
    expect(readdirSync(managed.runtimeDirectory).sort()).toEqual(['control.sock', 'fd.sock']);
    const { runtimeDirectory } = managed;
    const waiting = connect({ runtimeDirectory, timeoutMs: patience() });
    managed.start();
    await using _broker = await waiting;
  });

  test('answers those who came before it was started', async () => {
    await using managed = await ManagedDaemon.start();
    managed.hold();
    managed.kill('SIGKILL');
    await managed.ended();
    const early = connect({ runtimeDirectory: managed.runtimeDirectory, timeoutMs: patience() });
    managed.start();
    await using broker = await early;
    expect(await broker.heaps()).not.toHaveLength(0);
  });

  test('gives signs of life from its event loop, and none when it hangs', async () => {
    await using managed = await ManagedDaemon.start();
    await managed.next('a sign of life', isAlive);
    await managed.next('a second one', isAlive);
    managed.kill('SIGSTOP');
    await new Promise((resolve) => setTimeout(resolve, 100));
    managed.told.length = 0;
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(managed.told.filter(isAlive)).toEqual([]);
    managed.kill('SIGKILL');
    await managed.ready();
  });
});
