#!/usr/bin/env node
/**
 * `npm run scale`: one daemon that has more and more of something, and what that does to its memory, to those who have nothing to do
 * with it, and to its next start. What is asked of it is asked at every step, so that a slope is seen and not assumed.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Installation, MOST_BUFFERS, requireFds } from '../installation';
import { TemporaryDirectory } from '../processes';
import { DIMENSIONS } from './dimensions';
import { grow } from './growth';
import { RESTORED, restore } from './restore';
import { drawSteps, formatSteps, type Table } from './table';

const HELP = `usage: npm run scale [-- OPTIONS]

Gives one daemon ${MOST_BUFFERS.toLocaleString('en')} buffers (10,000 where RLIMIT_NOFILE allows), then another one 500 sessions, 1,000 published names,
1,000 accesses that wait, and measures its memory and what everybody else waits for, at each step; then has one restarted with as
many buffers to restore. Some ten minutes.

  --only TEXT   what has it in its name: ${[...DIMENSIONS.map(({ name }) => name), RESTORED].join(', ')}
  --out DIR     also write scale.md, and a plot for each
  --help        this text
`;

const say = (message: string) => process.stderr.write(`${message}\n`);

const MEASUREMENTS = [
  ...DIMENSIONS.map((dimension) => ({
    name: dimension.name,
    take: (installation: Installation) => grow(installation, dimension, say),
  })),
  { name: RESTORED, take: (installation: Installation) => restore(installation, say) },
];

async function measure(only: string): Promise<Table[]> {
  const wanted = MEASUREMENTS.filter(({ name }) => name.includes(only.toLowerCase()));
  if (wanted.length === 0) throw new Error(`--only ${only}: nothing has that in its name`);
  requireFds();
  using directory = new TemporaryDirectory();
  const installation = await Installation.make(directory);
  const tables: Table[] = [];
  for (const { name, take } of wanted) {
    say(name);
    tables.push(await take(installation));
  }
  return tables;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', default: '' },
      out: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  // Before all that it takes to have something to write.
  if (values.out !== undefined) mkdirSync(values.out, { recursive: true });
  const tables = await measure(values.only);
  const report = tables.map(formatSteps).join('\n');
  if (values.out !== undefined) {
    writeFileSync(join(values.out, 'scale.md'), report);
    for (const table of tables) {
      writeFileSync(
        join(values.out, `scale-${table.of.replaceAll(' ', '-')}.svg`),
        drawSteps(table),
      );
    }
  }
  process.stdout.write(report);
  // Sessions that wait for ever would keep this process alive.
  process.exit(0);
}

main().catch((error: unknown) => {
  say(error instanceof Error ? error.message : String(error));
  process.exit(1);
});
