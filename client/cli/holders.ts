/**
 * Which processes have a buffer open, found in /proc, where only root sees everybody's: what the daemon cannot know, since an fd
 * once given may be passed on to anybody.
 */
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import type { BufferDescription } from '../descriptions';

/** One process, and how often it has the buffer open. */
export interface HoldingProcess {
  readonly pid: number;
  readonly comm: string;
  readonly fds: number;
  readonly mappings: number;
}

/** What such files are called in /proc, whatever their inode. */
const NAMES = { 'dma-buf': '/dmabuf:', memfd: '/memfd:', unknown: '/' } as const;

/** By ascending pid. Processes that this user may not look into are left out. */
export function findHolders(
  { inode, memory }: Pick<BufferDescription, 'inode' | 'memory'>,
  proc = '/proc',
): HoldingProcess[] {
  const pids = readdirSync(proc).filter((name) => /^\d+$/.test(name));
  return pids
    .map((pid) => lookInto(`${proc}/${pid}`, inode, NAMES[memory]))
    .filter(({ fds, mappings }) => fds + mappings > 0)
    .sort((a, b) => a.pid - b.pid);
}

function lookInto(directory: string, inode: number, name: string): HoldingProcess {
  const fds = orNothing(() => readdirSync(`${directory}/fd`), [])
    .map((fd) => `${directory}/fd/${fd}`)
    .filter((path) => orNothing(() => readlinkSync(path), '').startsWith(name))
    .filter((path) => orNothing(() => statSync(path).ino, 0) === inode);
  const mappings = orNothing(() => readFileSync(`${directory}/maps`, 'utf8'), '')
    .split('\n')
    // Address, rights, offset, device, inode, path.
    .map((line) => /^\S+ \S+ \S+ \S+ (\d+) +(.*)$/.exec(line))
    .filter((match) => Number(match?.[1]) === inode && match?.[2]?.startsWith(name));
  const comm = orNothing(() => readFileSync(`${directory}/comm`, 'utf8').trimEnd(), '');
  const pid = Number(directory.slice(directory.lastIndexOf('/') + 1));
  return { pid, comm, fds: fds.length, mappings: mappings.length };
}

/** Processes come and go, and others' are not to be looked into. */
function orNothing<Found>(look: () => Found, nothing: Found): Found {
  try {
    return look();
  } catch {
    return nothing;
  }
}
