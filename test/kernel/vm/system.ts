/**
 * A Debian 13 system of the VM's own, with systemd, podman and Debian's node: what a user's machine has, and none of what this
 * one has. Made by mmdebstrap once, and kept in the cache.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { cachedEntry } from '../../host/cache-directory';
import { findProgram, installPackages, mayInstallPackages } from '../../host/debian-packages';
import { runTool } from '../../host/run-tool';
import { debianMirror } from './debian-download';

const SUITE = 'trixie';
/** Beyond what is essential, and without what they recommend. */
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
];
const TIMEOUT_MS = 15 * 60_000;

/** Its directory. It is only read: the VM's writes go to an overlay. */
export async function findOrMakeSystem(
  cacheDir: string,
  onProgress: (message: string) => void,
  signal?: AbortSignal,
): Promise<string> {
  const key = createHash('sha256').update(PACKAGES.join()).digest('hex').slice(0, 16);
  return cachedEntry(cacheDir, `debian-13-system-${key}`, async (aside) => {
    const mmdebstrap = await findOrInstallMmdebstrap(onProgress, signal);
    const root = join(aside, 'root');
    onProgress(`making a Debian 13 system of ${PACKAGES.join(', ')} (about 420 MB)`);
    await runTool(
      mmdebstrap,
      [
        '--mode=root',
        '--variant=minbase',
        `--include=${PACKAGES.join()}`,
        '--aptopt=Acquire::Languages "none"',
        SUITE,
        root,
        `deb ${await debianMirror(signal)} ${SUITE} main`,
      ],
      { timeoutMs: TIMEOUT_MS, signal, lastLines: 10 },
    );
    return root;
  });
}

async function findOrInstallMmdebstrap(
  onProgress: (message: string) => void,
  signal?: AbortSignal,
): Promise<string> {
  if (!mayInstallPackages()) {
    throw new Error('the VM’s Debian system can only be made by root, on Debian');
  }
  if (findProgram('mmdebstrap') === undefined) {
    onProgress('installing mmdebstrap');
    await installPackages(['mmdebstrap'], signal);
  }
  const found = findProgram('mmdebstrap');
  if (found === undefined) throw new Error('mmdebstrap is not there although it was installed');
  return found;
}
