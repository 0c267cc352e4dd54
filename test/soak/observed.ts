/** A real daemon that can be asked what memory it has in use. */
import { join } from 'node:path';
import { DaemonProcess } from '../e2e/daemon-process';
import { eventually } from '../e2e/slowness';

const MIB = 1024 * 1024;
const REPORTER = join(__dirname, 'report-memory.js');

/** When all garbage has been collected. */
export interface Memory {
  /** What is in use on V8's heap, and what objects there have elsewhere, such as buffers. */
  readonly heapMib: number;
  /** What the process has beside that heap: code, stacks, malloc's arenas. */
  readonly otherMib: number;
}

export function startObserved(): Promise<DaemonProcess> {
  const launcher = ['env', `NODE_OPTIONS=--require ${JSON.stringify(REPORTER)}`];
  return DaemonProcess.startBy(launcher, process.getuid?.() ?? 0);
}

export async function memoryOf(daemon: DaemonProcess): Promise<Memory> {
  const before = reports(daemon).length;
  process.kill(daemon.pid, 'SIGUSR2');
  return eventually('a report of the memory', () => reports(daemon)[before]);
}

/** What report-memory has written into the daemon's log. */
function reports({ log }: DaemonProcess): Memory[] {
  return [
    ...log.matchAll(/^memory: (\d+) used, (\d+) external, (\d+) heap, (\d+) resident$/gm),
  ].map(([, used, external, heap, resident]) => ({
    heapMib: (Number(used) + Number(external)) / MIB,
    otherMib: (Number(resident) - Number(heap)) / MIB,
  }));
}
