import type { LedgerTotals } from '../../client';
import { ClientProcess } from './client-process';
import { DaemonProcess } from './daemon-process';
import { eventually } from './slowness';

const SIZE = 1024 * 1024;

/** The moments at which a client is killed. Each leaves a client process in some state and answers it. */
const MOMENTS: Record<string, (daemon: DaemonProcess, client: ClientProcess) => Promise<unknown>> =
  {
    'that has just connected': async () => {},
    'that holds a buffer': (_, client) => client.tell('allocate', { sizeBytes: SIZE }),
    'that has fetched, mapped and written it': async (_, client) => {
      const { id } = await client.tell('allocate', { sizeBytes: SIZE });
      await client.tell('write', { bufferId: id, offset: 0, text: 'x' });
    },
    'that has shared it by name and by secret': async (_, client) => {
      const { id } = await client.tell('allocate', { sizeBytes: SIZE });
      await client.tell('share', { bufferId: id, name: 'mortal' });
      await client.tell('share', { bufferId: id });
    },
    'that brought a buffer of its own': (_, client) =>
      client.tell('adoptMemfd', { sizeBytes: SIZE, label: 'own' }),
    'that is writing': async (_, client) => {
      const { id } = await client.tell('allocate', { sizeBytes: SIZE });
      await client.tell('enter', { bufferId: id, mode: 'write' });
    },
    'that is reading': async (_, client) => {
      const { id } = await client.tell('allocate', { sizeBytes: SIZE });
      await client.tell('enter', { bufferId: id, mode: 'read' });
    },
    'in the middle of many calls': async (_, client) => {
      const doomed = Array.from({ length: 30 }, () => client.tell('allocate', { sizeBytes: 4096 }));
      for (const call of doomed) call.catch(() => {});
      await doomed[0];
    },
  };

describe('kill -9 leaves nothing in the daemon of a client', () => {
  let daemon: DaemonProcess;
  let before: LedgerTotals;

  beforeAll(async () => {
    daemon = await DaemonProcess.start();
    // One client comes and goes first: what the daemon opens once and keeps is no leak.
    const first = await ClientProcess.start(daemon);
    await first.tell('allocate', { sizeBytes: SIZE });
    const { sessions } = await daemon.totals();
    expect(sessions).toBe(1);
    await first.kill();
    await eventually('the first client is gone', async () => {
      before = await daemon.totals();
      return before.sessions === 0 && before.chargedBytes === 0 ? true : undefined;
    });
  });
  afterAll(() => daemon?.[Symbol.asyncDispose]());

  test.each(Object.entries(MOMENTS))('%s', async (_name, reach) => {
    const client = await ClientProcess.start(daemon);
    await reach(daemon, client);
    await client.kill();
    await daemon.settlesAt(before);
    expect(before).toMatchObject({
      sessions: 0,
      buffers: 0,
      leases: 0,
      grants: 0,
      chargedBytes: 0,
    });
  });

  test('that waits for an access, while the one that has it goes on', async () => {
    const holder = await ClientProcess.start(daemon);
    const waiter = await ClientProcess.start(daemon);
    const { id: bufferId } = await holder.tell('allocate', { sizeBytes: SIZE });
    const { secretHex } = await holder.tell('share', { bufferId });
    await waiter.tell('open', { secretHex });
    await holder.tell('enter', { bufferId, mode: 'write' });
    waiter.tell('enter', { bufferId, mode: 'write' }).catch(() => {});
    await eventually('one waits', async () =>
      (await daemon.totals()).waiters === 1 ? true : undefined,
    );
    await waiter.kill();
    await eventually('nobody waits', async () =>
      (await daemon.totals()).waiters === 0 ? true : undefined,
    );
    await holder.tell('leave', { bufferId });
    await holder.tell('write', { bufferId, offset: 0, text: 'on and on' });
    await holder.kill();
    await daemon.settlesAt(before);
  });
});
