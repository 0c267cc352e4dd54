/**
 * The demo: a daemon, a producer and two consumers, each a process of its own, share moving pictures; then it is
 * checked that every byte was right and that nothing is left. Needs no set-up, no root and no device.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CommanderError } from 'commander';
import type { LedgerTotals } from '../descriptions';
import { Child } from './child-process';
import type { ConsumerReport, ConsumerScenario } from './consumer';
import { DemoDaemon } from './daemon';
import type { Scenario } from './frames';
import { type DemoOptions, parseOptions } from './options';
import type { ProducerReport } from './producer';
import { checkFindings, type DemoFindings, leftIn, renderReport } from './report';

const CONSUMERS = ['one', 'two'] as const;
const TIMEOUT_MS = 15_000;
const POLL_MS = 20;

async function runDemo(options: DemoOptions): Promise<boolean> {
  const started = performance.now();
  const directory = mkdtempSync(join(tmpdir(), 'dmabufd-demo-'));
  const pictureDirectory = resolve(options.out ?? join(directory, 'pictures'));
  mkdirSync(pictureDirectory, { recursive: true });
  const timeoutMs = TIMEOUT_MS * options.slowness;
  const daemon = await DemoDaemon.start(directory, timeoutMs);
  try {
    const heap = await chooseHeap(daemon, options.heap);
    const before = await totalsOf(daemon);
    const shown = await runParticipants(daemon, options, { heap: heap.name, pictureDirectory });
    const totals = await settledTotals(daemon, before, timeoutMs);
    const findings: DemoFindings = {
      ...shown,
      heap,
      totals,
      openFdsBefore: before.openFds,
      daemonEndedWell: await daemon.stop(timeoutMs),
      pictureDirectory,
      seconds: (performance.now() - started) / 1000,
    };
    const checks = checkFindings(findings, options);
    const held = checks.every((check) => check.held);
    if (options.json) console.log(JSON.stringify({ held, checks, ...findings }));
    else console.log(renderReport(findings, checks, options).join('\n'));
    if (held) removeAllButPictures(directory, options);
    return held;
  } finally {
    daemon.kill();
  }
}

interface Setting {
  readonly heap: string;
  readonly pictureDirectory: string;
}

/** Producer first, consumers when it is ready; all are ended when one fails. */
async function runParticipants(
  daemon: DemoDaemon,
  options: DemoOptions,
  { heap, pictureDirectory }: Setting,
): Promise<Pick<DemoFindings, 'consumers' | 'pids' | 'slotBytes'>> {
  const { frames, size, slowness } = options;
  const scenario: Scenario = {
    runtimeDirectory: daemon.runtimeDirectory,
    heap,
    frames,
    consumers: CONSUMERS.length,
    size,
    timeoutMs: TIMEOUT_MS * slowness,
  };
  const children: Pick<Child<object>, 'kill' | 'ended' | 'pid'>[] = [];
  try {
    const producer = new Child<ProducerReport>('producer', 'producer', scenario);
    children.push(producer);
    await producer.report();
    const consumers = CONSUMERS.map((name, index) => {
      const snapshots = snapshotsOf(index, frames);
      const told: ConsumerScenario = { ...scenario, name, pictureDirectory, snapshots };
      return new Child<ConsumerReport>(`consumer ${name}`, 'consumer', told);
    });
    children.push(...consumers);
    const [{ slotBytes }, ...reports] = await Promise.all([
      producer.report(),
      ...consumers.map((consumer) => consumer.report()),
    ]);
    await Promise.all(children.map((child) => child.ended()));
    const pids = {
      daemon: daemon.pid,
      producer: producer.pid,
      consumers: consumers.map(({ pid }) => pid),
    };
    return { consumers: reports, pids, slotBytes };
  } finally {
    for (const child of children) child.kill();
  }
}

/** Two frames for each consumer, spread over the whole; fewer if there are not so many. */
function snapshotsOf(consumer: number, frames: number): number[] {
  const spread = [consumer, consumer + CONSUMERS.length].map((position) =>
    Math.floor(((position + 1) * (frames - 1)) / (2 * CONSUMERS.length)),
  );
  return [...new Set(spread)];
}

async function chooseHeap(daemon: DemoDaemon, name: string): Promise<DemoFindings['heap']> {
  const heaps = await daemon.inspector.heaps();
  const chosen = heaps.find((heap) => (name === '' ? heap.isDefault : heap.name === name));
  if (chosen === undefined) {
    const known = heaps.map((heap) => heap.name).join(', ');
    throw new Error(`--heap ${name || '(default)'}: not one of ${known}`);
  }
  if (chosen.unavailableReason === null) return chosen;
  throw new Error(`--heap ${chosen.name}: cannot be used: ${chosen.unavailableReason}`);
}

async function totalsOf(daemon: DemoDaemon): Promise<LedgerTotals> {
  const { totals } = await daemon.inspector.status();
  if (totals === null) throw new Error('the daemon does not take this user for its own');
  return totals;
}

/**
 * The daemon learns of a client's end from its socket, and refunds a buffer when the kernel has taken it back: a moment later. What never
 * comes is for the report to tell.
 */
async function settledTotals(
  daemon: DemoDaemon,
  before: LedgerTotals,
  timeoutMs: number,
): Promise<LedgerTotals> {
  const deadline = AbortSignal.timeout(timeoutMs);
  for (;;) {
    const totals = await totalsOf(daemon);
    const settled = leftIn(totals).length === 0 && totals.openFds === before.openFds;
    if (settled || deadline.aborted) return totals;
    await sleep(POLL_MS);
  }
}

function removeAllButPictures(directory: string, options: DemoOptions): void {
  const doomed =
    options.out === undefined
      ? [join(directory, 'run'), join(directory, 'daemon.log')]
      : [directory];
  for (const path of doomed) rmSync(path, { recursive: true, force: true });
}

async function main(): Promise<void> {
  try {
    process.exitCode = (await runDemo(parseOptions(process.argv))) ? 0 : 1;
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? 0 : 2;
      return;
    }
    console.error(`demo: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}

void main();
