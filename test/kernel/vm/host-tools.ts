/**
 * The programs of the host that the VM cannot do without, found or, by root on a machine with apt,
 * installed. Busybox is not among them: it comes with the kernel, so that no package of the host
 * has to give way to its static build.
 */
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { runTool } from './run-tool';

const packageOf = {
  'qemu-system-x86_64': 'qemu-system-x86',
  depmod: 'kmod',
  'dpkg-deb': 'dpkg',
  setpriv: 'util-linux',
} as const;

type ToolName = keyof typeof packageOf;

export type HostTools =
  | { readonly found: true; readonly path: Readonly<Record<ToolName, string>> }
  | { readonly found: false; readonly missing: readonly string[]; readonly remedy: string };

/** The first executable file called `name` on the search path or in the system's own directories. */
export function findProgram(name: string): string | undefined {
  const directories = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/usr/bin', '/sbin'];
  return directories
    .filter((directory) => directory.startsWith('/'))
    .map((directory) => join(directory, name))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

export async function findOrInstallHostTools(
  onProgress: (message: string) => void,
  signal?: AbortSignal,
): Promise<HostTools> {
  const tools = findHostTools();
  if (tools.found || process.getuid?.() !== 0 || findProgram('apt-get') === undefined) {
    return tools;
  }
  onProgress(`installing ${tools.missing.join(' ')}`);
  await installPackages(tools.missing, signal);
  return findHostTools();
}

function findHostTools(): HostTools {
  const qemu = findProgram('qemu-system-x86_64');
  const depmod = findProgram('depmod');
  const dpkgDeb = findProgram('dpkg-deb');
  const setpriv = findProgram('setpriv');
  if (qemu && depmod && dpkgDeb && setpriv) {
    const path = { 'qemu-system-x86_64': qemu, depmod, 'dpkg-deb': dpkgDeb, setpriv };
    return { found: true, path };
  }
  const missing = Object.entries(packageOf)
    .filter(([program]) => findProgram(program) === undefined)
    .map(([, packageName]) => packageName);
  return {
    found: false,
    missing,
    remedy: `sudo apt-get install --no-install-recommends ${missing.join(' ')}`,
  };
}

async function installPackages(packages: readonly string[], signal?: AbortSignal): Promise<void> {
  const aptGet = (timeoutMs: number, ...args: string[]) =>
    runTool('apt-get', ['-o', 'DPkg::Lock::Timeout=300', ...args], {
      timeoutMs,
      signal,
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    });
  const install = () =>
    aptGet(20 * 60_000, 'install', '-y', '--no-install-recommends', ...packages);
  try {
    await install();
  } catch {
    // The package lists may be missing, or older than the mirror.
    await aptGet(5 * 60_000, 'update');
    await install();
  }
}
