/**
 * Who a peer is, beyond what the socket tells: its start time, name and cgroup from /proc. A pid can be used again
 * between the two, so what was read counts only if the pidfd, which names the very process that
 * connected, says afterwards that it still lives.
 */
import { readFileSync } from 'node:fs';
import { type NativeAddon, type PeerCredentials, Poll } from '../../native';
import { DomainError } from '../domain/errors';
import type { Peer } from '../domain/peer';

/** Where the start time is in /proc/PID/stat, counted from the state that follows the name. */
const START_TIME_AFTER_COMM = 19;

export type Identify = (credentials: PeerCredentials) => Peer;

/** Closes the pidfd. Throws UNAUTHENTICATED if the process is gone already. */
export function identifyBy(addon: Pick<NativeAddon, 'pollNow'>, proc = '/proc'): Identify {
  return ({ pid, uid, gid, pidfd }) => {
    try {
      if (pid === 0) return { pid, startTime: 0, uid, gid, comm: '', cgroup: '' };
      const read = readProcess(proc, pid);
      const isGone = pidfd !== null && addon.pollNow(pidfd, Poll.IN) !== 0;
      if (read === null || isGone) {
        throw new DomainError('unauthenticated', `the process with pid ${pid} has ended`);
      }
      return { pid, uid, gid, ...read };
    } finally {
      pidfd?.close();
    }
  };
}

function readProcess(
  proc: string,
  pid: number,
): Pick<Peer, 'startTime' | 'comm' | 'cgroup'> | null {
  try {
    const stat = readFileSync(`${proc}/${pid}/stat`, 'latin1');
    const cgroup = readFileSync(`${proc}/${pid}/cgroup`, 'utf8');
    return { startTime: parseStartTime(stat), comm: parseComm(stat), cgroup: parseCgroup(cgroup) };
  } catch {
    return null;
  }
}

/** The name is in parentheses and may itself hold any character, a parenthesis too: the last one ends it. */
export function parseComm(stat: string): string {
  const comm = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'));
  return Buffer.from(comm, 'latin1').toString('utf8');
}

export function parseStartTime(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[START_TIME_AFTER_COMM]);
}

/** The path in the unified hierarchy, whose line begins with `0::`; empty without one. */
export function parseCgroup(text: string): string {
  const line = text.split('\n').find((entry) => entry.startsWith('0::'));
  return line === undefined ? '' : line.slice(3);
}
