/** What a restart costs that has so many buffers to restore: from the start of the process until it says that it is ready. */
import { connect } from '../../client';
import { type Installation, MOST_BUFFERS } from '../installation';
import { residentKib } from '../loads';
import { median } from '../statistics';
import type { Table } from './table';

/** What there is more and more of. */
export const RESTORED = 'buffers to restore';
const COUNTS = [0, 0.1, 0.25, 0.5, 1].map((part) => part * MOST_BUFFERS);
const COLUMNS = ['ready after, ms', 'resident, MiB'] as const;
/** How many sessions there may be: fewer than by default, for the fds are for buffers. */
const SESSIONS = 64;
const RESTARTS = 3;

export async function restore(
  installation: Installation,
  say: (message: string) => void,
): Promise<Table> {
  const steps: Table['steps'][number][] = [];
  for (const count of COUNTS) {
    steps.push({ count, values: await restartWith(installation, count) });
    say(`    ${count} ${RESTORED}`);
  }
  return { of: RESTORED, columns: COLUMNS, steps };
}

/** The median of a few. */
async function restartWith(installation: Installation, count: number): Promise<number[]> {
  await using managed = await installation.startService(
    MOST_BUFFERS + 4 * SESSIONS,
    ...['--max-sessions', String(SESSIONS)],
  );
  await using broker = await connect({ runtimeDirectory: managed.runtimeDirectory });
  for (let i = 0; i < count; i += 1) await broker.allocate({ sizeBytes: 4096, heap: 'memfd' });
  const restarts: number[][] = [];
  for (let i = 0; i < RESTARTS; i += 1) {
    managed.kill('SIGKILL');
    const { started, atMs } = await managed.startedAt();
    const ready = await managed.notified('READY');
    restarts.push([ready.atMs - atMs, residentKib(started) / 1024]);
    const restored = (await broker.list()).length;
    if (restored !== count) throw new Error(`${restored} of ${count} buffers were restored`);
  }
  return COLUMNS.map((_, i) => median(restarts.map((values) => values[i] ?? Number.NaN)));
}
