/** Programs of this machine, found or, by root on a machine with apt, installed. */
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { runTool } from './run-tool';

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

export function mayInstallPackages(): boolean {
  return process.getuid?.() === 0 && findProgram('apt-get') !== undefined;
}

/** What a person types who may do what this process may not. */
export function installCommand(packages: readonly string[]): string {
  return `sudo apt-get install --no-install-recommends ${packages.join(' ')}`;
}

/** Its path; installed first where it is not there and this process may. */
export async function findOrInstall(
  program: string,
  packageName: string,
  onProgress: (message: string) => void,
  signal?: AbortSignal,
): Promise<string> {
  const there = findProgram(program);
  if (there !== undefined) return there;
  if (!mayInstallPackages()) {
    throw new Error(`there is no ${program} (${installCommand([packageName])})`);
  }
  onProgress(`installing ${packageName}`);
  await installPackages([packageName], signal);
  const found = findProgram(program);
  if (found === undefined) throw new Error(`${packageName} is installed, and has no ${program}`);
  return found;
}

export async function installPackages(
  packages: readonly string[],
  signal?: AbortSignal,
): Promise<void> {
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
