/** Peers that have not connected, for asking what the policy would say of them. */
import { readFileSync } from 'node:fs';
import { DomainError } from '../domain/errors';
import type { Peer } from '../domain/peer';
import { identityOfCgroup } from './cgroup';
import { readProcess } from './proc';

/** The process that has this pid now. NOT_FOUND if there is none. */
export function peerOfPid(pid: number, proc = '/proc'): Peer {
  const read = pid === 0 ? null : readProcess(proc, pid);
  const ids = read === null ? null : readIds(proc, pid);
  if (read === null || ids === null) {
    throw new DomainError('not-found', `there is no process with pid ${pid}`);
  }
  return { pid, pidfsInode: 0, ...ids, ...read };
}

/** A process that would be like this; all else that is told of it follows from its cgroup. */
export function peerOfAttributes(
  attributes: Pick<Peer, 'uid' | 'gid' | 'groups' | 'cgroup'>,
): Peer {
  const { unit, container, looksContained } = identityOfCgroup(attributes.cgroup);
  const nobody = { pid: 0, startTime: 0, pidfsInode: 0, comm: '' };
  return { ...nobody, ...attributes, unit, container, isContained: looksContained };
}

function readIds(proc: string, pid: number): Pick<Peer, 'uid' | 'gid' | 'groups'> | null {
  try {
    const status = readFileSync(`${proc}/${pid}/status`, 'latin1');
    // Real, effective, saved, of the file system.
    const [, uid = Number.NaN] = numbersOf(status, 'Uid');
    const [, gid = Number.NaN] = numbersOf(status, 'Gid');
    return { uid, gid, groups: numbersOf(status, 'Groups') };
  } catch {
    return null;
  }
}

/** The numbers in a line of /proc/PID/status (proc_pid_status(5)). */
function numbersOf(status: string, field: string): number[] {
  const line = new RegExp(`^${field}:\\t(.*)$`, 'm').exec(status)?.[1]?.trim() ?? '';
  return line === '' ? [] : line.split(/\s+/).map(Number);
}
