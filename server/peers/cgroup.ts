/**
 * What a cgroup's path says about the process in it: the systemd unit, and the container. Only what root alone can have made is
 * believed. The subtree of a unit may be delegated to its user, who can make cgroups in it and call them as others are
 * called, so nothing below the first unit of a path is looked at (systemd.resource-control(5), Delegate=).
 */

export interface CgroupIdentity {
  /** Empty if the path is of no unit. */
  readonly unit: string;
  /** Its id, as its engine gave it; empty if the path is of no container. */
  readonly container: string;
  /** Some part of the path, also one that a user may have made, is called as containers are. */
  readonly looksContained: boolean;
}

/** Scopes of engines that have systemd make their cgroups: Docker, Podman, CRI-O, containerd, nerdctl, systemd-nspawn. */
const CONTAINER_SCOPE =
  /^(?:docker|libpod|crio|cri-containerd|nerdctl|machine)-(?!conmon)(.+)\.scope$/;
/** Cgroups of engines that make them by themselves, and of Podman within a unit of systemd. */
const CONTAINER_CGROUP = /^(?:libpod-(?:payload-)?|crio-|lxc\.payload\.)?(?!conmon)(.+)$/;
const CONTAINER_ID = /^[0-9a-f]{64}$/;
/** Where such engines make them, at the root of the hierarchy. */
const ENGINE_ROOT = /^(?:docker|libpod_parent|kubepods|besteffort|burstable|pod[0-9a-f-]+)$/;

/** `path` as in /proc/PID/cgroup; empty if unknown. */
export function identityOfCgroup(path: string): CgroupIdentity {
  const parts = path.split('/').slice(1);
  const looksContained = parts.some((part) => containerOf(part) !== '');
  let place = 0;
  while (isBranch(parts[place] ?? '')) place += 1;
  const leaf = parts[place] ?? '';
  const unit = /\.(?:service|scope)$/.test(leaf) ? leaf : '';
  return { unit, container: containerOf(leaf), looksContained };
}

/** Only holds other cgroups, and is root's to make. */
function isBranch(part: string): boolean {
  return part.endsWith('.slice') || ENGINE_ROOT.test(part);
}

function containerOf(part: string): string {
  const ofScope = CONTAINER_SCOPE.exec(part)?.[1];
  if (ofScope !== undefined) return ofScope;
  const name = CONTAINER_CGROUP.exec(part)?.[1] ?? '';
  return CONTAINER_ID.test(name) || part.startsWith('lxc.payload.') ? name : '';
}
