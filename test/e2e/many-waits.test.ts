import { connect } from '../../client';
import { DaemonProcess } from './daemon-process';
import { eventually, patience } from './slowness';

const SIZE = 4096;
/** Calls at once (SETTINGS_MAX_CONCURRENT_STREAMS). */
const MORE_THAN_A_CONNECTION_TAKES = 140;

describe('a process that waits for more accesses than a connection takes calls', () => {
  test('ends another one at once, and is answered everything else', async () => {
    await using daemon = await DaemonProcess.start();
    const { runtimeDirectory } = daemon;
    await using broker = await connect({ runtimeDirectory });
    await using other = await connect({ runtimeDirectory });
    const buffer = await broker.allocate({ sizeBytes: SIZE });
    const ids = Array.from({ length: MORE_THAN_A_CONNECTION_TAKES }, (_, index) => index);
    const stop = new AbortController();
    const held = await Promise.all(ids.map(() => other.allocate({ sizeBytes: SIZE })));
    await Promise.all(held.map((one, index) => one.share({ name: `many/${index}` })));
    const inside = held.map((one) =>
      one.access('write', () => new Promise<never>(() => {}), { signal: stop.signal }),
    );
    const mine = await Promise.all(ids.map((index) => broker.open({ name: `many/${index}` })));
    await buffer.access('write', async () => {
      const waits = mine.map((one) => one.read(0, 1, { signal: stop.signal }));
      for (const never of [...inside, ...waits]) never.catch(() => undefined);
      await eventually('as many wait as may', async () =>
        (await daemon.totals()).waiters >= 90 ? true : undefined,
      );
    });
    // The END has been answered, and there is still room for others.
    expect((await broker.describe(buffer.id, { timeoutMs: patience(5_000) })).cpuAccesses).toEqual(
      [],
    );
    stop.abort();
    await Promise.allSettled(inside);
  });
});
