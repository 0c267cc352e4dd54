import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Broker, connect } from '../../../client';
import { systemErrorCode } from '../../../client/errors';
import addon, { type SeqpacketSocket } from '../../../native';
import { ClientProcess } from '../client-process';
import { eventually, patience } from '../slowness';
import { ManagedDaemon } from './managed-daemon';

const PAGE_BYTES = 4096;
const limits = { timeoutMs: patience() };

/** A broker, and all that it says of itself. */
async function connected({ runtimeDirectory }: ManagedDaemon) {
  const broker = await connect({ runtimeDirectory, ...limits });
  const said: string[] = [];
  broker.on('disconnected', () => said.push('disconnected'));
  broker.on('lost', ({ label }) => said.push(`lost ${label}`));
  broker.on('revoked', ({ label }) => said.push(`revoked ${label}`));
  broker.on('restarted', () => said.push('restarted'));
  return { broker, said, [Symbol.asyncDispose]: () => broker.close() };
}

const restarted = (broker: Broker) =>
  once(broker, 'restarted', { signal: AbortSignal.timeout(patience()) });

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();

/** Held, so that nothing of the daemon runs until it is started again. */
async function killed(managed: ManagedDaemon): Promise<void> {
  managed.hold();
  managed.kill('SIGKILL');
  await managed.ended();
}

describe.each([
  ['is killed', 'SIGKILL'],
  ['is restarted in order', 'SIGTERM'],
] as const)('when a daemon with an fd store %s,', (_how, signal) => {
  const restart = async (managed: ManagedDaemon, ...brokers: Broker[]) => {
    const all = Promise.all(brokers.map(restarted));
    managed.kill(signal);
    await all;
  };

  test('a session is what it was, however short it had been there', async () => {
    for (let i = 0; i < 5; i += 1) {
      await using managed = await ManagedDaemon.start();
      await using client = await connected(managed);
      await restart(managed, client.broker);
      expect(await client.broker.list(limits)).toEqual([]);
      expect(client.said).toEqual(['restarted']);
    }
  });

  test('buffers, leases, published names and every byte are as they were', async () => {
    await using managed = await ManagedDaemon.start();
    await using owner = await connected(managed);
    await using reader = await connected(managed);
    await using buffer = await owner.broker.allocate({ sizeBytes: PAGE_BYTES, label: 'frame' });
    await buffer.write(0, Buffer.from('before'), limits);
    await using share = await buffer.share({ name: 'camera0/preview', access: 'read' }, limits);
    await using theirs = await reader.broker.open({ name: 'camera0/preview' }, limits);
    using mapping = await theirs.map(limits);
    const before = await buffer.describe(limits);

    await restart(managed, owner.broker, reader.broker);

    expect(await buffer.describe(limits)).toEqual(before);
    expect(await owner.broker.grants(limits)).toEqual([{ ...share.grant, uses: 1 }]);
    await buffer.write(0, Buffer.from('after '), limits);
    expect(text(await theirs.read(0, 6, limits))).toBe('after ');
    const seen = new Uint8Array(6);
    mapping.read(0, seen);
    expect(text(seen)).toBe('after ');
    await expect(theirs.write(0, seen, limits)).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
    });
    expect([owner.said, reader.said]).toEqual([['restarted'], ['restarted']]);
  });

  test('who accesses a buffer goes on, and who waits for it goes on waiting', async () => {
    await using managed = await ManagedDaemon.start();
    await using writer = await connected(managed);
    await using reader = await connected(managed);
    await using buffer = await writer.broker.allocate({ sizeBytes: PAGE_BYTES });
    await using share = await buffer.share({}, limits);
    await using theirs = await reader.broker.open({ secret: share.secret ?? new Uint8Array() });
    let reading: Promise<Uint8Array> = Promise.resolve(new Uint8Array());
    await buffer.access(
      'write',
      async (view) => {
        view.set(Buffer.from('half'));
        reading = theirs.read(0, 8, limits);
        await restart(managed, writer.broker, reader.broker);
        const { cpuAccesses } = await buffer.describe(limits);
        expect(cpuAccesses).toContainEqual(
          expect.objectContaining({ sessionId: writer.broker.sessionId, held: true, writes: true }),
        );
        view.set(Buffer.from('done'), 4);
      },
      limits,
    );
    expect(text(await reading)).toBe('halfdone');
    expect((await buffer.describe(limits)).cpuAccesses).toEqual([]);
  });

  test('grants give as much as they had left, and what they gave can be revoked', async () => {
    await using managed = await ManagedDaemon.start();
    await using owner = await connected(managed);
    await using reader = await connected(managed);
    await using buffer = await owner.broker.allocate({ sizeBytes: PAGE_BYTES, label: 'granted' });
    const share = await buffer.share({ maxUses: 2 }, limits);
    const by = { secret: share.secret ?? new Uint8Array() };
    await using _theirs = await reader.broker.open(by, limits);

    await restart(managed, owner.broker, reader.broker);

    await using third = await connected(managed);
    await using _last = await third.broker.open(by, limits);
    await expect(reader.broker.open(by, limits)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const revoked = Promise.all([reader, third].map(({ broker }) => once(broker, 'revoked')));
    expect(await share.revoke({ ...limits, revokeLeases: true })).toBe(2);
    await revoked;
  });

  test('what was adopted is known, and stays whose it is', async () => {
    await using managed = await ManagedDaemon.start();
    await using owner = await connected(managed);
    await using other = await connected(managed);
    using memfd = await addon.createMemfd('camera', PAGE_BYTES);
    await using buffer = await owner.broker.adopt(memfd, { label: 'camera' }, limits);

    await restart(managed, owner.broker, other.broker);

    await using again = await owner.broker.adopt(memfd, { label: 'camera' }, limits);
    expect(again.id).toBe(buffer.id);
    await expect(other.broker.adopt(memfd, {}, limits)).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
    });
  });

  test('ids go on: none is given twice', async () => {
    await using managed = await ManagedDaemon.start();
    await using owner = await connected(managed);
    const first = await owner.broker.allocate({ sizeBytes: PAGE_BYTES }, limits);
    await first.release(limits);
    await restart(managed, owner.broker);
    await using second = await owner.broker.allocate({ sizeBytes: PAGE_BYTES }, limits);
    await using late = await connected(managed);
    expect(second.id).toBeGreaterThan(first.id);
    expect(late.broker.sessionId).toBeGreaterThan(owner.broker.sessionId);
  });

  test('nothing stays behind when all have left', async () => {
    await using managed = await ManagedDaemon.start();
    await using owner = await connected(managed);
    const buffer = await owner.broker.allocate({ sizeBytes: PAGE_BYTES }, limits);
    await buffer.share({ name: 'left' }, limits);
    await restart(managed, owner.broker);
    expect([...(await managed.names())].sort()).toEqual(['buffer-1', 'session-1']);
    await owner.broker.close();
    await eventually('the state is empty', async () => {
      const files = readdirSync(managed.stateDirectory);
      return files.join() === 'ids' && (await managed.names()).length === 0 ? true : undefined;
    });
  });
});

test('clients that come and go faster than they can be kept leave nothing in the fd store', async () => {
  await using managed = await ManagedDaemon.start();
  await using honest = await connected(managed);
  const path = join(managed.runtimeDirectory, 'fd.sock');
  const ignored = { onDatagram: () => {}, onWritable: () => {}, onClosed: () => {} };
  /** Undefined if the listener's queue is full. */
  const connectNow = () => {
    try {
      return addon.connectSeqpacket(path, ignored);
    } catch (error) {
      if (systemErrorCode(error) !== 'EAGAIN') throw error;
      return undefined;
    }
  };
  for (let round = 0; round < 40; round += 1) {
    const storm: SeqpacketSocket[] = [];
    while (storm.length < 25) {
      storm.push(await eventually('there is room in the queue', connectNow));
    }
    await honest.broker.heaps(limits);
    for (const socket of storm) socket.close();
  }
  await eventually('only the honest one is kept', async () =>
    (await managed.names()).join() === 'session-1' ? true : undefined,
  );
  expect(managed.log).not.toContain('a restart would lose this');
  expect(honest.said).toEqual([]);
});

describe('while a daemon with an fd store is not there,', () => {
  test('a client that dies is missed by nobody: all that it held is free', async () => {
    await using managed = await ManagedDaemon.start();
    await using owner = await connected(managed);
    await using mortal = await ClientProcess.start(managed);
    const { id: bufferId } = await mortal.tell('allocate', { sizeBytes: PAGE_BYTES });
    await mortal.tell('share', { bufferId, name: 'orphan' });
    await killed(managed);
    await mortal.kill();
    const back = restarted(owner.broker);
    managed.start();
    await back;
    await expect(owner.broker.open({ name: 'orphan' }, limits)).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    await eventually('only the survivor is kept', async () =>
      (await managed.names()).join() === 'session-1' ? true : undefined,
    );
  });

  test('calls wait for it, until their deadline', async () => {
    await using managed = await ManagedDaemon.start();
    await using owner = await connected(managed);
    await killed(managed);
    await expect(owner.broker.heaps({ timeoutMs: 300 })).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
    });
    const heaps = owner.broker.heaps(limits);
    const allocated = owner.broker.allocate({ sizeBytes: PAGE_BYTES }, limits);
    managed.start();
    expect(await heaps).not.toHaveLength(0);
    await using _buffer = await allocated;
  });

  test('memory that somebody kept open is still accounted for when it is back', async () => {
    await using managed = await ManagedDaemon.start();
    await using owner = await connected(managed);
    const buffer = await owner.broker.allocate({ sizeBytes: PAGE_BYTES, label: 'kept' }, limits);
    const fd = (await buffer.fd(limits)).duplicate();
    await buffer.release(limits);
    const back = restarted(owner.broker);
    managed.kill('SIGKILL');
    await back;
    const lingering = async () => (await owner.broker.status(limits)).totals?.lingeringBuffers;
    await eventually('it lingers', async () => ((await lingering()) === 1 ? true : undefined));
    fd.close();
    await eventually('it is free', async () => ((await lingering()) === 0 ? true : undefined));
  });
});
