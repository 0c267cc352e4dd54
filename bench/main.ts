#!/usr/bin/env node
/** `npm run bench`: each figure as a ratio to its baseline, measured in the same run; a table and two plots. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Figure, measure, type Result } from './figure';
import { FIGURES } from './figures/all';
import { BUS_FIGURES } from './figures/bus';
import { FETCH_FIGURES } from './figures/fetch';
import { guard } from './guard';
import { Installation } from './installation';
import { TemporaryDirectory } from './processes';
import { formatGoal, formatRatio, formatTable } from './report/markdown';
import { type Curve, drawDistributions, drawGoals, sampleOf } from './report/plots';
import { judge, type Verdict } from './report/verdict';

const HELP = `usage: npm run bench [-- OPTIONS]

Measures what dmabufd does beside what does as much of it as there is elsewhere: a bare C server, D-Bus, an empty call of grpc-js, an
empty Node script. The two take turns, pinned to one CPU unless the figure says two. Some ten minutes, on a machine that has nothing
else to do. Debian's dbus-daemon, dbus-broker and libsystemd-dev are installed if they are not there; taskset (util-linux), strip
(binutils), dpkg-deb and a C compiler have to be.

  --guard        only whether something has become much worse, as npm test asks, too: two minutes; exit code 1 says so
  --only TEXT    figures whose name contains it
  --out DIR      also write figures.md, figures.json, goals.svg and fetch.svg there
  --json         print JSON instead of the table
  --list         name the figures
  --help         this text

Exit code: 0 if all was measured, whatever it came to.
`;

const say = (message: string) => process.stderr.write(`${message}\n`);

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', default: '' },
      out: { type: 'string' },
      guard: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const figures = FIGURES.filter(({ name }) =>
    name.toLowerCase().includes(values.only.toLowerCase()),
  );
  // Whatever ends this in the middle.
  process.exitCode = 1;
  if (values.help || values.list) {
    process.exitCode = 0;
    process.stdout.write(values.help ? HELP : figures.map(({ name }) => `${name}\n`).join(''));
    return;
  }
  if (values.guard) {
    if (values.json || values.out !== undefined || values.only !== '') {
      throw new Error('--guard has its own figures, and goes with no other option');
    }
    const verdicts = await guard(say);
    process.exitCode = verdicts.every(({ isWithinLimit }) => isWithinLimit) ? 0 : 1;
    return;
  }
  if (figures.length === 0)
    throw new Error(`--only ${values.only}: no figure has that in its name`);
  // Before all that it takes to have something to write.
  if (values.out !== undefined) mkdirSync(values.out, { recursive: true });
  const results = await measureAll(figures);
  if (results.length === 0) throw new Error('nothing could be measured');
  const verdicts = results.map(judge);
  const table = report(verdicts, figures);
  process.stdout.write(values.json ? asJson(verdicts) : table);
  if (values.out !== undefined) write(values.out, results, verdicts, table);
  if (results.length === figures.length) process.exitCode = 0;
}

async function measureAll(figures: readonly Figure[]): Promise<Result[]> {
  using directory = new TemporaryDirectory();
  // npm keeps what comes before a --, and who has forgotten that would wait for all of them.
  if (figures.length === FIGURES.length)
    say('all figures, some ten minutes; options go after a --');
  say('building the package and the baselines');
  const installation = await Installation.make(directory);
  const results: Result[] = [];
  for (const [index, figure] of figures.entries()) {
    say(`${index + 1}/${figures.length} ${figure.name}`);
    try {
      const result = await measure(figure, installation);
      const verdict = judge(result);
      say(`    ${formatRatio(verdict)}, to reach: ${formatGoal(verdict)}`);
      results.push(result);
    } catch (error) {
      // The others are worth what they took.
      say(`    not measured: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return results;
}

/** What was measured, when, and on what. */
function provenance(): Record<'version' | 'commit' | 'date' | 'node' | 'linux' | 'cpus', string> {
  const [cpu] = cpus();
  const { version }: { readonly version: string } = require('#manifest');
  return {
    version,
    commit: commit(),
    date: new Date().toISOString().slice(0, 10),
    node: process.version,
    linux: release(),
    cpus: `${cpus().length} CPUs (${cpu?.model.trim() ?? 'unknown'})`,
  };
}

function report(verdicts: readonly Verdict[], wanted: readonly Figure[]): string {
  const { version, commit, date, node, linux, cpus: all } = provenance();
  const what = `dmabufd ${version}${commit === '' ? '' : ` at ${commit}`}, ${date}`;
  const missing = wanted.filter(({ name }) => verdicts.every((verdict) => verdict.name !== name));
  const lines = missing.map(({ name }) => `not measured: ${name}\n`);
  return `${what}; Node ${node}, Linux ${linux}, ${all}\n\n${formatTable(verdicts)}${lines.join('')}`;
}

const asJson = (figures: readonly Verdict[]) =>
  `${JSON.stringify({ ...provenance(), figures }, null, 2)}\n`;

/** Empty outside of a checkout. */
function commit(): string {
  const command = ['-C', __dirname, 'describe', '--always', '--dirty', '--exclude', '*'];
  const { status, stdout } = spawnSync('git', command, { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : '';
}

function write(
  directory: string,
  results: readonly Result[],
  verdicts: readonly Verdict[],
  table: string,
): void {
  writeFileSync(join(directory, 'figures.md'), table);
  writeFileSync(join(directory, 'figures.json'), asJson(verdicts));
  writeFileSync(join(directory, 'goals.svg'), drawGoals(verdicts));
  const curves = curvesOf(results);
  if (curves.length > 0) writeFileSync(join(directory, 'fetch.svg'), drawDistributions(curves));
}

function curvesOf(results: readonly Result[]): Curve[] {
  const of = (name: string, figure: Figure | undefined, side: 'ours' | 'theirs') =>
    results
      .filter((result) => result.figure === figure)
      .map((result) => ({ name, sample: sampleOf(result, side) }));
  const [inC] = FETCH_FIGURES;
  const [broker, daemon] = BUS_FIGURES;
  return [
    ...of('dmabufd', inC, 'ours'),
    ...of('bare C server', inC, 'theirs'),
    ...of('D-Bus, dbus-broker', broker, 'theirs'),
    ...of('D-Bus, dbus-daemon', daemon, 'theirs'),
  ];
}

main().catch((error: unknown) => {
  say(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
});
