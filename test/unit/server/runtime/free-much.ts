/**
 * Has much of malloc's heap and lets go of all but the last of it, so that what is free lies below something in use; then gives it back.
 * Says what is resident before and after, in KiB, and what the addon answered.
 */
import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import addon from '../../../../native';

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');
/** Below what malloc(3) takes from mmap(2) instead. */
const BYTES = 50_000;
const COUNT = 400;

/** proc_pid_status(5) */
function residentKib(): number {
  const [, kib] = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  return Number(kib);
}

async function main(): Promise<void> {
  let many: Buffer[] = Array.from({ length: COUNT }, () => Buffer.alloc(BYTES, 1));
  const last = Buffer.alloc(BYTES, 1);
  many = [];
  collect();
  // V8 frees what buffers had on a thread of its own.
  await setTimeout(200);
  const before = residentKib();
  const hasGivenBack = await addon.trimMalloc();
  const after = residentKib();
  process.stdout.write(
    JSON.stringify({ before, after, hasGivenBack, kept: many.length + last.length }),
  );
}

void main();
