/**
 * The programs of the host that the VM cannot do without, found or, by root on a machine with apt,
 * installed. Busybox is not among them: it comes with the kernel, so that no package of the host
 * has to give way to its static build.
 */
import {
  findProgram,
  installCommand,
  installPackages,
  mayInstallPackages,
} from '../../host/debian-packages';

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

export async function findOrInstallHostTools(
  onProgress: (message: string) => void,
  signal?: AbortSignal,
): Promise<HostTools> {
  const tools = findHostTools();
  if (tools.found || !mayInstallPackages()) {
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
  return { found: false, missing, remedy: installCommand(missing) };
}
