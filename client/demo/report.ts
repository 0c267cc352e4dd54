/**
 * What the demo found, and the table that a person reads.
 */
import { formatBytes } from '../cli/quantities';
import { renderTable } from '../cli/table';
import type { HeapDescription, LedgerTotals } from '../descriptions';
import type { ConsumerReport } from './consumer';
import { SLOTS } from './frames';
import type { DemoOptions } from './options';

/** One thing that had to hold. */
export interface Check {
  readonly held: boolean;
  readonly what: string;
}

/** Everything that was found. */
export interface DemoFindings {
  readonly heap: HeapDescription;
  readonly slotBytes: number;
  readonly pids: {
    readonly daemon: number;
    readonly producer: number;
    readonly consumers: readonly number[];
  };
  readonly consumers: readonly ConsumerReport[];
  /** What the daemon held after all clients had left. */
  readonly totals: LedgerTotals;
  readonly openFdsBefore: number;
  readonly daemonEndedWell: boolean;
  readonly pictureDirectory: string;
  readonly seconds: number;
}

/** What is not gone, by name: of all but the fds, of which the daemon has some of its own. */
export function leftIn({ openFds: _, ...ledger }: LedgerTotals): [string, number][] {
  return Object.entries(ledger).filter(([, count]) => count !== 0);
}

/** Whether it all held, sentence by sentence. */
export function checkFindings(findings: DemoFindings, { frames }: DemoOptions): Check[] {
  const { consumers, totals, openFdsBefore } = findings;
  const compared = consumers.reduce((sum, { comparedBytes }) => sum + comparedBytes, 0);
  const bad = consumers.flatMap(({ badFrames }) => badFrames);
  const snapshots = consumers.flatMap(({ goodSnapshots }) => goodSnapshots);
  const broken = consumers.flatMap(({ badSnapshots }) => badSnapshots);
  const { openFds } = totals;
  const left = leftIn(totals);
  return [
    {
      held: consumers.every(({ goodFrames }) => goodFrames === frames),
      what: `both consumers saw all ${frames} frames, in order`,
    },
    {
      held: bad.length === 0 && compared > 0,
      what: `${formatBytes(compared)} compared byte by byte, ${bad.length} frames differ`,
    },
    {
      held: broken.length === 0 && snapshots.length > 0,
      what: `${snapshots.length} PNG snapshots, each read back: its very frame`,
    },
    {
      held: left.length === 0,
      what:
        left.length === 0
          ? 'nothing is left in the daemon: no session, buffer, lease, grant or byte'
          : `left in the daemon: ${left.map(([name, count]) => `${name} ${count}`).join(', ')}`,
    },
    {
      held: openFds === openFdsBefore,
      what: `no fd leaked in the daemon: ${openFdsBefore} before, ${openFds} after`,
    },
    {
      held: findings.daemonEndedWell,
      what: 'the daemon ended when asked, and removed its sockets',
    },
  ];
}

/** The lines for people. */
export function renderReport(
  findings: DemoFindings,
  checks: readonly Check[],
  options: DemoOptions,
): string[] {
  const { heap, pids, consumers } = findings;
  const { width, height } = options.size;
  const rows = [
    ['daemon', String(pids.daemon), 'allocated, passed fds on, kept the order'],
    ['producer', String(pids.producer), `drew ${options.frames} frames`],
    ...consumers.map((consumer, index) => [
      `consumer ${consumer.name}`,
      String(pids.consumers[index] ?? '-'),
      `checked ${consumer.goodFrames} frames, ${formatBytes(consumer.comparedBytes)}`,
    ]),
  ];
  const held = checks.every((check) => check.held);
  return [
    '',
    `dmabufd demo: ${options.frames} moving pictures, ${width}x${height} XRGB8888, in ${findings.seconds.toFixed(1)} s`,
    '',
    `  heap      ${heap.name}${heap.isDefault ? ' (the default here)' : ''}`,
    ...describeMemory(heap).map((line) => `            ${line}`),
    `  buffers   ${SLOTS} of ${formatBytes(findings.slotBytes)}, read-only for the consumers (${enforcement(consumers)})`,
    '',
    ...renderTable(
      [{ heading: 'PROCESS' }, { heading: 'PID', align: 'right' }, { heading: 'WHAT IT DID' }],
      rows,
    ).map((line) => `  ${line}`),
    '',
    ...checks.map(({ held: good, what }) => `  ${good ? '✔' : '✘'} ${what}`),
    '',
    `  pictures  ${findings.pictureDirectory}`,
    ...consumers.flatMap(({ goodSnapshots }) => goodSnapshots.map((file) => `            ${file}`)),
    '',
    held ? 'All of it held.' : 'SOMETHING DID NOT HOLD: see the lines with ✘.',
    '',
  ];
}

function describeMemory(heap: HeapDescription): string[] {
  if (heap.memory === 'dma-buf') return ['real dma-bufs'];
  return [
    'shared memory (memfd), NOT dma-bufs: the very same path, but no device could import these.',
    'What is missing on this machine, and what to do about it: npx dmabufctl doctor',
  ];
}

function enforcement(consumers: readonly ConsumerReport[]): string {
  return consumers.every(({ readOnlyEnforced }) => readOnlyEnforced)
    ? 'kept by the kernel'
    : 'by agreement: the kernel does not enforce it';
}
