/**
 * A Debian 13 system of the VM's own, with systemd, podman and Debian's node: what a user's machine has, and none of what this
 * one has. Made once, and kept in the cache.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { cachedEntry } from '../../host/cache-directory';
import { makeDebian } from '../../host/make-debian';

const PACKAGES = [
  'systemd-sysv',
  'dbus',
  'udev',
  'kmod',
  'procps',
  'nodejs',
  'python3',
  'podman',
  'crun',
  'netavark',
  'podman-compose',
];

/** Its directory. It is only read: the VM's writes go to an overlay. */
export async function findOrMakeSystem(
  cacheDir: string,
  onProgress: (message: string) => void,
  signal?: AbortSignal,
): Promise<string> {
  const key = createHash('sha256').update(PACKAGES.join()).digest('hex').slice(0, 16);
  return cachedEntry(cacheDir, `debian-13-system-${key}`, async (aside) => {
    const root = join(aside, 'root');
    onProgress(`making a Debian 13 system of ${PACKAGES.join(', ')} (about 420 MB)`);
    await makeDebian({ packages: PACKAGES }, root, onProgress, signal);
    return root;
  });
}
