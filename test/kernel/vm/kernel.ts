/**
 * The stock Debian 13 kernel with its modules, and the static busybox that starts it, kept in the
 * cache in a layout of our own:
 *
 *     vmlinuz   busybox   root/usr/lib/modules/RELEASE   root/lib -> usr/lib
 */
import { existsSync } from 'node:fs';
import { mkdir, readdir, realpath, rename, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { cachedEntry } from '../../host/cache-directory';
import { runTool } from '../../host/run-tool';
import { type DebianSuite, openSuite } from './debian-download';

/** Changes with the layout above, so that another version of this file never reads it. */
const entryName = 'debian-13-kernel-1';

/** Where that kernel is to be had: Debian 13 itself, or Debian 12's backport of it. */
const suites = ['trixie', 'bookworm-backports'];

export interface Kernel {
  /** As `uname -r` says it. */
  readonly release: string;
  readonly image: string;
  readonly modulesDir: string;
  readonly busybox: string;
}

export async function findOrDownloadKernel(
  cacheDir: string,
  depmod: string,
  onProgress: (message: string) => void,
  signal?: AbortSignal,
): Promise<Kernel> {
  const entry = await cachedEntry(cacheDir, entryName, async (aside) => {
    const unpacked = await downloadKernel(aside, onProgress, signal);
    return arrange(unpacked, join(aside, 'arranged'), depmod, signal);
  });
  const root = await realpath(entry);
  const release = await onlyFileIn(join(root, 'root/usr/lib/modules'));
  return {
    release,
    image: join(root, 'vmlinuz'),
    modulesDir: join(root, 'root/usr/lib/modules', release),
    busybox: join(root, 'busybox'),
  };
}

async function downloadKernel(
  aside: string,
  onProgress: (message: string) => void,
  signal?: AbortSignal,
): Promise<string> {
  const failures: string[] = [];
  for (const name of suites) {
    try {
      const suite = await openSuite(name, join(aside, name), signal);
      const kernelPackage = await currentKernelPackage(suite);
      onProgress(`downloading ${kernelPackage} from Debian ${name} (about 110 MB)`);
      const unpacked = join(aside, name, 'unpacked');
      await suite.unpack([kernelPackage, 'busybox-static'], unpacked);
      return unpacked;
    } catch (error) {
      signal?.throwIfAborted();
      failures.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  throw new Error(`No suite of Debian gave its kernel. ${failures.join('; ')}`);
}

/** The package that the metapackage of the suite points to, such as linux-image-6.12.1-amd64. */
async function currentKernelPackage(suite: DebianSuite): Promise<string> {
  const fields = await suite.describe('linux-image-amd64');
  const name = /^Depends: (linux-image-\S+)/m.exec(fields)?.[1];
  if (name === undefined) {
    throw new Error('linux-image-amd64 names no kernel package');
  }
  return name;
}

async function arrange(
  unpacked: string,
  arranged: string,
  depmod: string,
  signal?: AbortSignal,
): Promise<string> {
  const modules = firstExisting(unpacked, ['usr/lib/modules', 'lib/modules']);
  const busybox = firstExisting(unpacked, ['usr/bin/busybox', 'bin/busybox']);
  const release = await onlyFileIn(modules);
  await mkdir(join(arranged, 'root/usr/lib'), { recursive: true });
  await symlink('usr/lib', join(arranged, 'root/lib'));
  await rename(modules, join(arranged, 'root/usr/lib/modules'));
  await rename(busybox, join(arranged, 'busybox'));
  await rename(join(unpacked, 'boot', `vmlinuz-${release}`), join(arranged, 'vmlinuz'));
  await runTool(depmod, ['-b', join(arranged, 'root'), release], { timeoutMs: 5 * 60_000, signal });
  return arranged;
}

function firstExisting(directory: string, names: readonly string[]): string {
  const name = names.find((candidate) => existsSync(join(directory, candidate)));
  if (name === undefined) {
    throw new Error(`The downloaded packages have none of ${names.join(', ')}`);
  }
  return join(directory, name);
}

async function onlyFileIn(directory: string): Promise<string> {
  const [name, ...others] = await readdir(directory);
  if (name === undefined || others.length > 0) {
    throw new Error(`${directory} should hold exactly one entry; remove it to fetch it again`);
  }
  return name;
}
