/**
 * Which of its peers the daemon can see. In a pid namespace of its own, a process outside of it has no pid here; in a cgroup
 * namespace of its own, the paths of cgroups outside of it begin at its own root (pid_namespaces(7), cgroup_namespaces(7)).
 */
import { readlinkSync } from 'node:fs';

/** The inodes of the initial namespaces (linux/nsfs.h: PID_NS_INIT_INO, CGROUP_NS_INIT_INO). */
const INITIAL = { pid: 0xefff_fffc, cgroup: 0xefff_fffb } as const;

/** Namespaces of the daemon's that are not the machine's. */
export interface OwnNamespaces {
  /** Of a peer outside only uid, gid and groups are known. */
  readonly pid: boolean;
  /** Of a peer outside neither unit nor container is known. */
  readonly cgroup: boolean;
}

/** Throws if there is no /proc. */
export function readOwnNamespaces(proc = '/proc'): OwnNamespaces {
  const isOwn = (kind: keyof typeof INITIAL) =>
    readlinkSync(`${proc}/self/ns/${kind}`) !== `${kind}:[${INITIAL[kind]}]`;
  return { pid: isOwn('pid'), cgroup: isOwn('cgroup') };
}
