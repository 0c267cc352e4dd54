/** What more and more of something does to a daemon's memory, and to those who have nothing to do with it. */
import { Daemon, fetches, type Installation } from '../installation';
import { residentKib } from '../loads';
import { measured } from '../processes';
import { median } from '../statistics';
import type { Dimension } from './dimensions';
import type { Table } from './table';

/** What is measured at each step, in the order of the table. */
const COLUMNS = [
  'resident, MiB',
  'FETCH p50, µs',
  'size query p50, µs',
  'access p50, µs',
  'allocate and release p50, µs',
] as const;

export async function grow(
  installation: Installation,
  dimension: Dimension,
  say: (message: string) => void,
): Promise<Table> {
  await using daemon = await Daemon.start(installation, 'one', { hasMostFds: true });
  const add = await dimension.prepare(daemon.directory);
  // What is hot is compiled before it is measured.
  await probe(installation, daemon);
  const steps: Table['steps'][number][] = [];
  let count = 0;
  for (const wanted of dimension.counts) {
    for (; count < wanted; count += 1) await add(count);
    const values = await probe(installation, daemon);
    steps.push({ count, values });
    say(`    ${count} ${dimension.name}`);
  }
  return { of: dimension.name, columns: COLUMNS, steps };
}

/** Each a program of its own, so that it is the daemon's memory and time and not those of whoever has so much. */
async function probe(installation: Installation, daemon: Daemon): Promise<number[]> {
  const by = (program: string, ...args: string[]) =>
    measured('one', ...installation.script(program, daemon.directory, ...args));
  const calls = [
    await fetches(installation, 'one', daemon.fdSocket, { requests: 5000 }),
    await by('sizes', '2000'),
    await by('accesses', '1', '2000'),
    await by('allocations', '1000'),
  ];
  return [residentKib(daemon.pid) / 1024, ...calls.map(({ eachNs }) => median(eachNs) / 1000)];
}
