import { chmodSync } from 'node:fs';
import type { LedgerTotals } from '../../client';
import { ClientProcess } from './client-process';
import { DaemonProcess } from './daemon-process';
import { eventually } from './slowness';

const SIZE = 64 * 1024;

describe('memory that somebody keeps after its last lease', () => {
  let daemon: DaemonProcess;
  let client: ClientProcess;
  let before: LedgerTotals;

  beforeAll(async () => {
    daemon = await DaemonProcess.start('--max-bytes', String(8 * SIZE), '--socket-mode', '0666');
    chmodSync(daemon.directory, 0o755);
    client = await ClientProcess.start(daemon);
    await client.tell('allocate', { sizeBytes: 4096 });
    before = await daemon.totals();
  });
  afterAll(async () => {
    await client?.kill();
    await daemon?.[Symbol.asyncDispose]();
  });

  test.each(['fd', 'mapping'] as const)(
    'as an %s stays charged and listed until that is gone',
    async (what) => {
      const { id } = await client.tell('allocate', { sizeBytes: SIZE });
      await client.tell('keep', { bufferId: id, what });
      await client.tell('release', { bufferId: id });
      expect(await daemon.totals()).toMatchObject({
        buffers: before.buffers,
        lingeringBuffers: 1,
        chargedBytes: before.chargedBytes + SIZE,
      });
      const listed = (await daemon.inspector.list()).find((buffer) => buffer.id === id);
      expect(listed).toMatchObject({ leaseCount: 0, sizeBytes: SIZE });
      const { formerHolders, referencesElsewhere } = await daemon.inspector.describe(id);
      expect(formerHolders).toMatchObject([{ peer: { pid: client.pid } }]);
      expect(referencesElsewhere).toBeGreaterThan(0);
      await client.tell('letGoOfAll', {});
      await daemon.settlesAt(before);
      expect((await daemon.inspector.list()).some((buffer) => buffer.id === id)).toBe(false);
    },
  );

  test('is gone with the process that kept it', async () => {
    const other = await ClientProcess.start(daemon);
    const { id } = await other.tell('allocate', { sizeBytes: SIZE });
    await other.tell('keep', { bufferId: id, what: 'fd' });
    await other.tell('release', { bufferId: id });
    expect((await daemon.totals()).lingeringBuffers).toBe(1);
    await other.kill();
    await daemon.settlesAt(before);
  });

  test('cannot be had without end by allocating, keeping and releasing, again and again', async () => {
    const taken = async (): Promise<number> => {
      for (let round = 0; ; round++) {
        try {
          const { id } = await client.tell('allocate', { sizeBytes: SIZE });
          await client.tell('keep', { bufferId: id, what: 'fd' });
          await client.tell('release', { bufferId: id });
        } catch (error) {
          expect(error).toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
          return round;
        }
      }
    };
    // One page is taken already.
    expect(await taken()).toBe(7);
    await client.tell('letGoOfAll', {});
    await daemon.settlesAt(before);
  });

  test('is free at once for whoever is refused otherwise, without waiting for a timer', async () => {
    for (let round = 0; round < 20; round++) {
      const { id } = await client.tell('allocate', { sizeBytes: 7 * SIZE });
      await client.tell('keep', { bufferId: id, what: 'fd' });
      await client.tell('release', { bufferId: id });
      await client.tell('letGoOfAll', {});
    }
    await daemon.settlesAt(before);
  });

  test('after its lease was revoked is seen to be with its former holder, who was told', async () => {
    await using reader = await ClientProcess.start(daemon);
    const { id } = await client.tell('allocate', { sizeBytes: SIZE });
    const { grantId } = await client.tell('share', { bufferId: id, name: 'to-be-revoked' });
    await reader.tell('watch', {});
    await reader.tell('open', { name: 'to-be-revoked' });
    await reader.tell('keep', { bufferId: id, what: 'mapping' });
    expect(await client.tell('revoke', { grantId })).toBe(1);
    await eventually('the reader is told', async () =>
      (await reader.tell('eventsSeen', {})).includes('lease-revoked') ? true : undefined,
    );
    const { leases, formerHolders } = await daemon.inspector.describe(id);
    expect(leases).toMatchObject([{ peer: { pid: client.pid } }]);
    expect(formerHolders).toMatchObject([{ peer: { pid: reader.pid } }]);
    await client.tell('release', { bufferId: id });
    expect((await daemon.totals()).lingeringBuffers).toBe(1);
    await reader.kill();
    await daemon.settlesAt(before);
  });
});
