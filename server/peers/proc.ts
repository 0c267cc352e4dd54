/**
 * Who a peer is, beyond what the socket tells: its start time, name, cgroup and pid namespace from /proc. A pid can be used
 * again between the two, so what was read counts only if the pidfd, which names the very process that
 * connected, says afterwards that it still lives.
 */
import { readFileSync } from 'node:fs';
import { type NativeAddon, type PeerCredentials, Poll } from '../../native';
import { DomainError } from '../domain/errors';
import type { Peer } from '../domain/peer';
import { identityOfCgroup } from './cgroup';

/** Where the start time is in /proc/PID/stat, counted from the state that follows the name. */
const START_TIME_AFTER_COMM = 19;

export type Identify = (credentials: PeerCredentials) => Peer;

/** Closes the pidfd. Throws UNAUTHENTICATED if the process is gone already. */
export function identifyBy(addon: Pick<NativeAddon, 'pollNow'>, proc = '/proc'): Identify {
  return ({ pid, uid, gid, groups, pidfsInode, pidfd }) => {
    try {
      const attested = { pid, uid, gid, groups, pidfsInode };
      const read = pid === 0 ? INVISIBLE : readProcess(proc, pid);
      const isGone = pidfd !== null && addon.pollNow(pidfd, Poll.IN) !== 0;
      if (read === null || isGone) {
        const which = pid === 0 ? 'that connected' : `with pid ${pid}`;
        throw new DomainError('unauthenticated', `the process ${which} has ended`);
      }
      return { ...attested, ...read };
    } finally {
      pidfd?.close();
    }
  };
}

type FromProc = Omit<Peer, keyof Omit<PeerCredentials, 'pidfd'>>;

/** Of a process that is not visible nothing is known, so it might be in any container. */
const INVISIBLE: FromProc = {
  startTime: 0,
  comm: '',
  cgroup: '',
  unit: '',
  container: '',
  isContained: true,
};

export function readProcess(proc: string, pid: number): FromProc | null {
  try {
    const stat = readFileSync(`${proc}/${pid}/stat`, 'latin1');
    const status = readFileSync(`${proc}/${pid}/status`, 'latin1');
    const cgroups = readFileSync(`${proc}/${pid}/cgroup`, 'utf8');
    const cgroup = parseCgroup(cgroups);
    const { unit, container } = identityOfCgroup(cgroup);
    const isContained = looksContained(cgroups) || parsePidNamespaceDepth(status) > 1;
    const startTime = parseStartTime(stat);
    return { startTime, comm: parseComm(stat), cgroup, unit, container, isContained };
  } catch {
    return null;
  }
}

/**
 * In how many pid namespaces, from the daemon's own downwards, the process has a pid (NSpid of /proc/PID/status). The name
 * comes before it, but cannot hold a line feed: the kernel escapes it.
 */
export function parsePidNamespaceDepth(status: string): number {
  const pids = /^NSpid:\t(.*)$/m.exec(status)?.[1];
  return pids === undefined ? 1 : pids.trim().split(/\s+/).length;
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

/** In any hierarchy: engines that know only cgroup v1 leave the unified one alone. */
function looksContained(cgroups: string): boolean {
  const paths = cgroups.split('\n').map((line) => line.split(':').slice(2).join(':'));
  return paths.some((path) => identityOfCgroup(path).looksContained);
}

/** The path in the unified hierarchy, whose line begins with `0::`; empty without one. */
export function parseCgroup(text: string): string {
  const line = text.split('\n').find((entry) => entry.startsWith('0::'));
  return line === undefined ? '' : line.slice(3);
}
