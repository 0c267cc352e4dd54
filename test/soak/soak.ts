/**
 * Visitors upon visitors for a time, on a real daemon; and what it has when the last one is gone, beside what it had before the first: fds by
 * what they are of, threads, memory, and the ledger.
 */
import { readdirSync, readlinkSync } from 'node:fs';
import type { DaemonProcess } from '../e2e/daemon-process';
import { seeded } from '../e2e/service/seeded';
import { eventually } from '../e2e/slowness';
import type { Memory } from './memory';
import { memoryOf, startObserved } from './observed';
import { Visitor } from './visitor';

const AT_ONCE = 4;
const NAMES = ['front', 'rear', 'preview', 'thumbnail'];
/** Of the time: until then code is compiled and caches are filled. */
const WARM_UP_SHARE = 0.25;
/**
 * Of what is left on V8's heap, and of the buffers of what is on it, after all garbage has been collected. Without a leak it is under 1 in a
 * minute; 4 KiB kept for each call were 5.6, and 1 KiB was not seen: a smaller leak takes a longer soak.
 */
const MOST_HEAP_GROWTH_MIB = 3;
/** Of the rest: malloc keeps for the next time what it was given back, in an arena for each thread. */
const MOST_OTHER_GROWTH_MIB = 16;

export interface Outcome {
  readonly visits: number;
  readonly steps: number;
  readonly refusals: number;
  /** After the warm-up, and at the end. */
  readonly memory: readonly [Memory, Memory];
  /** What is not as it was; empty if nothing is. */
  readonly differences: readonly string[];
}

export async function soak(
  seconds: number,
  seed: number,
  say: (message: string) => void,
): Promise<Outcome> {
  await using daemon = await startObserved();
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
  return {
    ...sum,
    memory: [first, last],
    differences: [...difference(before, after), ...growth(first, last)],
  };
}

function growth(first: Memory, last: Memory): string[] {
  const heap = last.heapMib - first.heapMib;
  const other = last.otherMib - first.otherMib;
  return [
    ...(heap > MOST_HEAP_GROWTH_MIB ? [`${heap.toFixed(1)} MiB more on the heap`] : []),
    ...(other > MOST_OTHER_GROWTH_MIB ? [`${other.toFixed(1)} MiB more beside the heap`] : []),
  ];
}

/** Until nothing is left in the ledger. Its fds are counted by what they are of. */
async function settle(daemon: DaemonProcess): Promise<void> {
  await eventually('the ledger is empty', async () => {
    const { openFds: _, ...totals } = await daemon.totals();
    return Object.values(totals).every((count) => count === 0) ? true : undefined;
  });
}

/** Until the time is up and all have left. Answers the daemon's memory then. */
async function visits(
  daemon: DaemonProcess,
  seconds: number,
  seed: number,
  sum: { visits: number; steps: number; refusals: number },
  say: (message: string) => void,
): Promise<Memory> {
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
  return memoryOf(daemon);
}

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
