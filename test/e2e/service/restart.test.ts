import { once } from 'node:events';
import { type Broker, connect } from '../../../client';
import { patience } from '../slowness';
import { ManagedDaemon } from './managed-daemon';

const restarted = (broker: Broker) =>
  once(broker, 'restarted', { signal: AbortSignal.timeout(patience()) });

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();

describe.each([
  ['is killed', 'SIGKILL'],
  ['is restarted in order', 'SIGTERM'],
] as const)('a daemon with an fd store, when it %s, loses nothing:', (_how, signal) => {
  const limits = { timeoutMs: patience() };

  test('buffers, leases and their bytes', async () => {
    await using managed = await ManagedDaemon.start();
    await using owner = await connect({ runtimeDirectory: managed.runtimeDirectory });
    await using reader = await connect({ runtimeDirectory: managed.runtimeDirectory });
    const said: string[] = [];
    owner.on('disconnected', () => said.push('disconnected'));
    owner.on('lost', ({ id }) => said.push(`lost ${id}`));
    await using buffer = await owner.allocate({ sizeBytes: 4096, label: 'frame' }, limits);
    await buffer.write(0, Buffer.from('before'), limits);
    await using share = await buffer.share({ name: 'camera0/preview', access: 'read' }, limits);
    await using theirs = await reader.open({ name: 'camera0/preview' }, limits);
    const before = await buffer.describe(limits);
    using mapping = await theirs.map(limits);

    const both = Promise.all([restarted(owner), restarted(reader)]);
    managed.kill(signal);
    await both;

    expect(await buffer.describe(limits)).toEqual(before);
    expect(await owner.grants(limits)).toEqual([{ ...share.grant, uses: 1 }]);
    await buffer.write(0, Buffer.from('after '), limits);
    expect(text(await theirs.read(0, 6, limits))).toBe('after ');
    const seen = new Uint8Array(6);
    mapping.read(0, seen);
    expect(text(seen)).toBe('after ');
    await expect(theirs.write(0, seen, limits)).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
    });
    expect(said).toEqual([]);
  });
});
