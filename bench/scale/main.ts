#!/usr/bin/env node
/**
 * `npm run scale`: one daemon that has more and more of something, and what that does to its memory and to those who have nothing to do
 * with it. What is asked of it is asked at every step, so that a slope is seen and not assumed.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Broker, connect } from '../client';
import { findOrInstallPrograms } from './debian';
import { residentKib } from './figures/footprint';
import { Daemon, fetches, Installation, MOST_BUFFERS } from './installation';
import { TemporaryDirectory } from './processes';
import { formatNumber } from './report/markdown';
import { drawSeries } from './report/plots';
import { quantile } from './statistics';
import { time } from './timings';

const HELP = `usage: npm run scale [-- OPTIONS]

Gives one daemon ${MOST_BUFFERS.toLocaleString('en')} buffers (10,000 where RLIMIT_NOFILE allows), then another one 500 sessions, 1,000 published names, 1,000 accesses that wait, and measures its memory and
what everybody else waits for, at each step. Some five minutes.

  --out DIR   also write scale.md, and a plot for each
  --help      this text
`;

const say = (message: string) => process.stderr.write(`${message}\n`);
const MEMFD = { sizeBytes: 4096, heap: 'memfd' } as const;

/** What is measured at each step, in the order of the table. */
const COLUMNS = [
  'resident, MiB',
  'FETCH p50, µs',
  'size query p50, µs',
  'access p50, µs',
  'allocate and release p50, µs',
] as const;

/** Something that there can be many of. */
interface Dimension {
  readonly name: string;
  readonly counts: readonly number[];
  /** Makes one more of it. What it makes lasts until the daemon ends. */
  readonly prepare: (directory: string) => Promise<(index: number) => Promise<unknown>>;
}

const BUFFERS: Dimension = {
  name: 'buffers',
  counts: [0, 0.1, 0.25, 0.5, 1].map((part) => part * MOST_BUFFERS),
  async prepare(runtimeDirectory) {
    const broker = await connect({ runtimeDirectory });
    return () => broker.allocate(MEMFD);
  },
};

const SESSIONS: Dimension = {
  name: 'sessions',
  counts: [0, 50, 125, 250, 500],
  // Each with a buffer, so that it has made a call, too.
  prepare: async (runtimeDirectory) => async () =>
    (await connect({ runtimeDirectory })).allocate(MEMFD),
};

const NAMES: Dimension = {
  name: 'published names',
  counts: [0, 100, 250, 500, 1000],
  async prepare(runtimeDirectory) {
    const broker = await connect({ runtimeDirectory });
    return async (index) => (await broker.allocate(MEMFD)).share({ name: `scale/${index}` });
  },
};

/** As many as one session of the SDK lets wait at once. */
const WAITS_OF_A_SESSION = 90;

const WAITS: Dimension = {
  name: 'waiting accesses',
  counts: [0, 100, 250, 500, 1000],
  async prepare(runtimeDirectory) {
    const owner = await connect({ runtimeDirectory });
    let waiter: Broker | null = null;
    return async (index) => {
      if (waiter === null || index % WAITS_OF_A_SESSION === 0) {
        waiter = await connect({ runtimeDirectory });
      }
      const buffer = await owner.allocate(MEMFD);
      await buffer.share({ name: `wait/${index}` });
      await new Promise<void>((resolve) => {
        buffer
          .access('write', () => {
            resolve();
            return new Promise<never>(() => {});
          })
          .catch(() => {});
      });
      const same = await waiter.open({ name: `wait/${index}` });
      same.access('write', () => {}, { timeoutMs: Number.POSITIVE_INFINITY }).catch(() => {});
    };
  },
};

interface Step {
  readonly count: number;
  /** As COLUMNS. */
  readonly values: readonly number[];
}

async function grow(installation: Installation, dimension: Dimension): Promise<Step[]> {
  await using daemon = await Daemon.start(installation, 'one', { hasMostFds: true });
  await using bystander = await connect({ runtimeDirectory: daemon.directory });
  const add = await dimension.prepare(daemon.directory);
  // Both ends compile what is hot before it is measured.
  await probe(installation, daemon, bystander);
  const steps: Step[] = [];
  let count = 0;
  for (const wanted of dimension.counts) {
    for (; count < wanted; count += 1) await add(count);
    steps.push({ count, values: await probe(installation, daemon, bystander) });
    say(`    ${count} ${dimension.name}: ${steps.at(-1)?.values.map(formatNumber).join(', ')}`);
  }
  return steps;
}

async function probe(
  installation: Installation,
  daemon: Daemon,
  bystander: Broker,
): Promise<number[]> {
  const buffer = await bystander.allocate(MEMFD);
  const calls = [
    await fetches(installation, 'one', daemon.fdSocket, { requests: 5000 }),
    await time(() => buffer.size(), 500),
    await time(() => buffer.access('write', () => {}), 500),
    await time(async () => (await bystander.allocate(MEMFD)).release(), 300),
  ];
  await buffer.release();
  return [
    residentKib(daemon.pid) / 1024,
    ...calls.map(({ eachNs }) => quantile(eachNs, 0.5) / 1000),
  ];
}

/** By the first and the last step: what one more costs. */
function slopes(steps: readonly Step[]): number[] {
  const [first, last] = [steps[0], steps.at(-1)];
  if (first === undefined || last === undefined) return [];
  return COLUMNS.map(
    (_, i) => ((last.values[i] ?? 0) - (first.values[i] ?? 0)) / (last.count - first.count),
  );
}

function table({ name }: Dimension, steps: readonly Step[]): string {
  const rows = [
    [name, ...COLUMNS],
    ['---', ...COLUMNS.map(() => '---')],
    ...steps.map(({ count, values }) => [count.toLocaleString('en'), ...values.map(formatNumber)]),
    ['each', ...slopes(steps).map((slope) => slope.toPrecision(2))],
  ];
  return `${rows.map((cells) => `| ${cells.join(' | ')} |`).join('\n')}\n`;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { out: { type: 'string' }, help: { type: 'boolean', default: false } },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  await findOrInstallPrograms(say);
  using directory = new TemporaryDirectory();
  const installation = await Installation.make(directory);
  let report = '';
  for (const dimension of [BUFFERS, SESSIONS, NAMES, WAITS]) {
    say(dimension.name);
    const steps = await grow(installation, dimension);
    report += `${table(dimension, steps)}\n`;
    if (values.out === undefined) continue;
    mkdirSync(values.out, { recursive: true });
    const file = `scale-${dimension.name.replaceAll(' ', '-')}.svg`;
    const series = COLUMNS.map((name, i) => ({
      name,
      points: steps.map(({ count, values: measuredValues }) => ({
        x: count,
        y: measuredValues[i] ?? Number.NaN,
      })),
    }));
    writeFileSync(join(values.out, file), drawSeries(dimension.name, series));
  }
  if (values.out !== undefined) writeFileSync(join(values.out, 'scale.md'), report);
  process.stdout.write(report);
  // Sessions that wait for ever would keep this process alive.
  process.exit(0);
}

main().catch((error: unknown) => {
  say(error instanceof Error ? (error.stack ?? error.message) : String(error));
  process.exit(1);
});
