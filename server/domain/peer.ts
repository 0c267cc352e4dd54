/**
 * A process as the kernel attests it, when it connected. Nothing in here was said by the process about itself, but `comm`,
 * which it may choose and which is only shown to people.
 */
export interface Peer {
  /** In the daemon's pid namespace; 0 if the process is not visible there. */
  readonly pid: number;
  /** When it started, in clock ticks since boot (field 22 of /proc/PID/stat); 0 if it is not visible. */
  readonly startTime: number;
  /**
   * The inode of its pidfd (pidfs, Linux 6.9), which no other process has had since boot; 0 if the kernel does not tell. Also of a
   * process that is not visible.
   */
  readonly pidfsInode: number;
  /** Effective, at connect, in the daemon's user namespace. */
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups at connect (SO_PEERGROUPS). */
  readonly groups: readonly number[];
  readonly comm: string;
  /** Path in the unified cgroup hierarchy; empty if unknown. */
  readonly cgroup: string;
  /** The systemd unit that the cgroup belongs to, such as `camera.service`; empty if none is attested. */
  readonly unit: string;
  /** The container that the cgroup belongs to, by the id that its engine gave it; empty if none is attested. */
  readonly container: string;
  /** In a container, or possibly: in a pid namespace of its own, in a cgroup that looks like one, or not visible. */
  readonly isContained: boolean;
}

/**
 * Whether two connections come from one process. A pid alone is used again; with the start time it is not. Of
 * two processes that are not visible only pidfs can say that they are one.
 */
export function isSameProcess(a: Peer, b: Peer): boolean {
  return isSamePid(a, b) && a.uid === b.uid;
}

/** Where not both have an inode, of an older kernel or noted by an earlier version of the daemon, the pid and start time decide. */
function isSamePid(a: Peer, b: Peer): boolean {
  if (a.pid !== b.pid || a.startTime !== b.startTime) return false;
  const hasBoth = a.pidfsInode !== 0 && b.pidfsInode !== 0;
  return hasBoth ? a.pidfsInode === b.pidfsInode : a.pid !== 0;
}

/** Whether the kernel says the same of both, of what it fixed when the peer connected. */
export function isSameAttested(a: Peer, b: Peer): boolean {
  const hasSameIds = a.uid === b.uid && a.gid === b.gid;
  return isSamePid(a, b) && hasSameIds && a.groups.join() === b.groups.join();
}

/** By its effective group or a supplementary one. */
export function isMemberOf(peer: Peer, gid: number): boolean {
  return peer.gid === gid || peer.groups.includes(gid);
}

/** For people: `pid 12 (uid 1000, "camera")`. */
export function describePeer(peer: Peer): string {
  // A process may call itself anything, also something that looks like another line of a message, or its end.
  const name = peer.comm.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?');
  const comm = name === '' ? '' : `, ${JSON.stringify(name)}`;
  return `${peer.pid === 0 ? 'a process not visible here' : `pid ${peer.pid}`} (uid ${peer.uid}${comm})`;
}
