/** What a daemon is put through before its memory is looked at. */
import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { connect } from '../client';
import type { Daemon } from './installation';

export const CALLS = 20_000;
/** What malloc has let go of by then goes back to the kernel (server/runtime/memory.ts). */
export const PAUSE_MS = 3_000;
/** V8 gives back what the start has left behind when nothing has happened for eight seconds. */
export const IDLE_MS = 15_000;

/** And a pause after them. */
export async function makeCalls({ directory }: Daemon): Promise<void> {
  await using broker = await connect({ runtimeDirectory: directory });
  const buffer = await broker.allocate({ sizeBytes: 4096, heap: 'memfd' });
  for (let call = 0; call < CALLS; call += 1) await buffer.size();
  await pause();
}

export const pause = () => setTimeout(PAUSE_MS);
export const rest = () => setTimeout(IDLE_MS);

/** What is resident of a process. proc_pid_status(5) */
export function residentKib(pid: number): number {
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kib);
}
