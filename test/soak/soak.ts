/**
 * Visitors upon visitors for a time, on a real daemon; and what it has when the last one is gone, beside what it had before the first: fds by
 * what they are of, threads, memory, and the ledger.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { DaemonProcess } from '../e2e/daemon-process';
import { seeded } from '../e2e/service/seeded';
import { eventually } from '../e2e/slowness';
import { Visitor } from './visitor';

const AT_ONCE = 4;
const NAMES = ['front', 'rear', 'preview', 'thumbnail'];
/** Of the time: until then code is compiled and caches are filled. */
const WARM_UP_SHARE = 0.25;
/** The garbage collector takes its time, and gives back late. A leak of a hundred bytes a step is seen after some minutes. */
const MOST_GROWTH_MIB = 24;

export interface Outcome {
  readonly visits: number;
  readonly steps: number;
  readonly refusals: number;
  /** MiB after the warm-up, and at the end. */
  readonly residentMib: readonly [number, number];
  /** What is not as it was; empty if nothing is. */
  readonly differences: readonly string[];
}

export async function soak(
  seconds: number,
  seed: number,
  say: (message: string) => void,
): Promise<Outcome> {
  await using daemon = await DaemonProcess.start();
  // What the daemon opens once and keeps.
  await Visitor.visit(daemon, seeded(seed), NAMES);
  await settle(daemon);
  const before = countsOf(daemon);
  const sum = { visits: 0, steps: 0, refusals: 0 };
  const first = await visits(daemon, seconds * WARM_UP_SHARE, seed, sum, say);
  const last = await visits(daemon, seconds * (1 - WARM_UP_SHARE), seed + AT_ONCE, sum, say);
  const after = await eventually('fds are what they were', () => {
    const now = countsOf(daemon);
    return difference(before, now).length === 0 ? now : undefined;
  }).catch(() => countsOf(daemon));
  const growth = last - first;
  const differences = [
    ...difference(before, after),
    ...(growth > MOST_GROWTH_MIB ? [`${growth.toFixed(1)} MiB more memory`] : []),
  ];
  return { ...sum, residentMib: [first, last], differences };
}

/** Until nothing is left in the ledger. Its fds are counted by what they are of. */
async function settle(daemon: DaemonProcess): Promise<void> {
  await eventually('the ledger is empty', async () => {
    const { openFds: _, ...totals } = await daemon.totals();
    return Object.values(totals).every((count) => count === 0) ? true : undefined;
  });
}

/** Until the time is up and all have left. Answers the daemon's memory then, in MiB. */
async function visits(
  daemon: DaemonProcess,
  seconds: number,
  seed: number,
  sum: { visits: number; steps: number; refusals: number },
  say: (message: string) => void,
): Promise<number> {
  const until = performance.now() + seconds * 1000;
  const progress = setInterval(() => say(`${sum.visits} visits, ${sum.steps} steps`), 30_000);
  const come = async (_: unknown, index: number) => {
    const random = seeded(seed + index);
    while (performance.now() < until) {
      const { steps, refusals } = await Visitor.visit(daemon, random, NAMES);
      sum.visits += 1;
      sum.steps += steps;
      sum.refusals += refusals;
    }
  };
  try {
    await Promise.all(Array.from({ length: AT_ONCE }, come));
  } finally {
    clearInterval(progress);
  }
  await settle(daemon);
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readStatus(daemon.pid)) ?? [];
  return Number(kib) / 1024;
}

const readStatus = (pid: number) => readFileSync(`/proc/${pid}/status`, 'utf8');

/** How many fds of which kind, and threads. */
function countsOf({ pid }: DaemonProcess): ReadonlyMap<string, number> {
  const counts = new Map([['threads', readdirSync(`/proc/${pid}/task`).length]]);
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    const kind = kindOf(`/proc/${pid}/fd/${fd}`);
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return counts;
}

/** `socket:[123]` and `/memfd:x (deleted)` without what is different each time. */
function kindOf(link: string): string {
  try {
    return readlinkSync(link).replace(/:.*/, '');
  } catch {
    return 'gone';
  }
}

function difference(
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
): string[] {
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((kind) => {
    const [was, is] = [before.get(kind) ?? 0, after.get(kind) ?? 0];
    return was === is ? [] : [`${kind}: ${was} before, ${is} after`];
  });
}
