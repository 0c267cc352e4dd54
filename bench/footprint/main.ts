#!/usr/bin/env node
/** `npm run footprint`: what an embedded image pays for the broker: room on disk, memory, and time at its start. */
import { parseArgs } from 'node:util';
import { Installation } from '../installation';
import { TemporaryDirectory } from '../processes';
import { formatNumber, formatRows } from '../report/markdown';
import { sizesOnDisk } from './disk';
import { usages } from './memory';
import { PHASES, phases } from './start';

const HELP = `usage: npm run footprint [-- --help]

Prints what the installed package takes on disk (the bytes of its files), what the daemon has in memory when it is idle and under
load, and where the time goes at its start, as tables in Markdown. Two minutes.
`;

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { help: { type: 'boolean', default: false } } });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  await tell();
  // Sessions that are still open would keep this process alive.
  process.exit(0);
}

async function tell(): Promise<void> {
  using directory = new TemporaryDirectory();
  const installation = await Installation.make(directory);
  const sizes = [...sizesOnDisk(installation.root)];
  const total = sizes.reduce((sum, [, size]) => sum + size, 0);
  const disk = [...sizes, ['all', total] as const].map(([part, size]) => [
    part,
    formatNumber(size / 1024),
  ]);
  process.stdout.write(`${formatRows(['on disk', 'KiB'], disk)}\n`);
  const memory = (await usages(installation)).map((usage) => [
    usage.what,
    ...[usage.resident, usage.proportional, usage.anonymous].map(formatNumber),
  ]);
  const columns = ['in memory, MiB', 'resident', 'proportional', 'anonymous'];
  process.stdout.write(`${formatRows(columns, memory)}\n`);
  const times = await phases(installation);
  const start = PHASES.map((phase, i) => [phase, formatNumber(times[i] ?? Number.NaN)]);
  process.stdout.write(formatRows(['at the start', 'ms'], start));
}

main().catch((error: unknown) => {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});
