/** How many fds this process has open, and how many it may. */
import { readdirSync, readFileSync } from 'node:fs';

/** The open fds of this process, without the one that looking takes. */
export function countOpenFds(): number {
  return readdirSync('/proc/self/fd').length - 1;
}

/** RLIMIT_NOFILE, which node has raised to its hard limit when it started. */
export function readFdLimit(): number {
  const line = readFileSync('/proc/self/limits', 'utf8').match(/^Max open files\s+(\S+)/m);
  const limit = Number(line?.[1]);
  return Number.isSafeInteger(limit) ? limit : Number.MAX_SAFE_INTEGER;
}
