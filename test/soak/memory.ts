/** What memory a daemon has in use, when all garbage has been collected: as report-memory.ts, loaded into it, says in its log. */
import { join } from 'node:path';

const MIB = 1024 * 1024;
const REPORT = /^memory: (\d+) used, (\d+) external, (\d+) heap, (\d+) resident$/gm;

/** To be loaded into the daemon before itself. */
export const REPORTER = join(__dirname, 'report-memory.js');
/** What it reports on. */
export const REPORT_SIGNAL = 'SIGUSR2';

export interface Memory {
  /** What is in use on V8's heap, and what objects there have elsewhere, such as buffers. */
  readonly heapMib: number;
  /** What the process has beside that heap: code, stacks, malloc's arenas. */
  readonly otherMib: number;
}

/** All reports in a log, in their order. */
export function reportsIn(log: string): Memory[] {
  return [...log.matchAll(REPORT)].map(([, used, external, heap, resident]) => ({
    heapMib: (Number(used) + Number(external)) / MIB,
    otherMib: (Number(resident) - Number(heap)) / MIB,
  }));
}
