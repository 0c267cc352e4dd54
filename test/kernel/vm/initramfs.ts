/**
 * The initramfs that starts the VM: busybox, our scripts and, uncompressed, the modules that
 * must be there before the host's filesystem is. It is cached under a hash of what goes in.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, copyFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { cachedEntry } from '../../host/cache-directory';
import { runTool } from '../../host/run-tool';
import type { Kernel } from './kernel';

/**
 * 9p and overlay make the root. vgem is the GPU of the tests and is loaded here since unpacking it
 * and its dependencies inside the VM costs seconds.
 */
const modules = ['9pnet_virtio', '9p', 'overlay', 'vgem'];
const scripts = ['init', 'pid-one', 'run-command'];
const toolTimeoutMs = 60_000;

export async function findOrBuildInitramfs(
  cacheDir: string,
  kernel: Kernel,
  signal?: AbortSignal,
): Promise<string> {
  const scriptTexts = await Promise.all(scripts.map((name) => readFile(scriptPath(name), 'utf8')));
  const key = createHash('sha256')
    .update(JSON.stringify([kernel.release, modules, scriptTexts]))
    .digest('hex')
    .slice(0, 16);
  return cachedEntry(cacheDir, `initramfs-${key}.cpio`, async (aside) => {
    const root = join(aside, 'root');
    await layOut(root, kernel, signal);
    return archive(root, join(aside, 'initramfs.cpio'), kernel.busybox, signal);
  });
}

async function layOut(root: string, kernel: Kernel, signal?: AbortSignal): Promise<void> {
  for (const directory of ['bin', 'dev', 'proc', 'sys', 'modules']) {
    await mkdir(join(root, directory), { recursive: true });
  }
  await copyFile(kernel.busybox, join(root, 'bin/busybox'));
  const applets = await runTool(kernel.busybox, ['--list'], { timeoutMs: toolTimeoutMs, signal });
  for (const applet of applets.toString().split('\n')) {
    if (applet !== '' && applet !== 'busybox') {
      await symlink('busybox', join(root, 'bin', applet));
    }
  }
  for (const name of scripts) {
    await copyFile(scriptPath(name), join(root, name));
    await chmod(join(root, name), 0o755);
  }
  const loadOrder = modulesInLoadOrder(
    await readFile(join(kernel.modulesDir, 'modules.dep'), 'utf8'),
    modules,
  );
  const names = loadOrder.map((path) => basename(path).replace(/\.ko\..*$/, '.ko'));
  for (const [index, name] of names.entries()) {
    const content = await moduleContent(kernel, loadOrder[index] ?? name, signal);
    await writeFile(join(root, 'modules', name), content);
  }
  await writeFile(join(root, 'modules/load-order'), names.map((name) => `${name}\n`).join(''));
}

/**
 * The paths of `wanted` and of all they depend on, each after what it needs. In a line of
 * modules.dep, `a.ko: b.ko c.ko`, the last is what must be loaded first.
 */
export function modulesInLoadOrder(modulesDep: string, wanted: readonly string[]): string[] {
  const closures = new Map<string, string[]>();
  for (const line of modulesDep.split('\n')) {
    const [path, dependencies] = line.split(':');
    if (path && dependencies !== undefined) {
      const closure = [path, ...dependencies.split(' ').filter((word) => word !== '')];
      closures.set(basename(path).replace(/\.ko(\..*)?$/, ''), closure.reverse());
    }
  }
  const ordered = wanted.flatMap((name) => {
    const closure = closures.get(name);
    if (closure === undefined) {
      throw new Error(`The kernel has no module ${name}`);
    }
    return closure;
  });
  return [...new Set(ordered)];
}

async function moduleContent(
  kernel: Kernel,
  relativePath: string,
  signal?: AbortSignal,
): Promise<Buffer> {
  const path = join(kernel.modulesDir, relativePath);
  return path.endsWith('.xz')
    ? runTool(kernel.busybox, ['xzcat', path], { timeoutMs: toolTimeoutMs, signal })
    : readFile(path);
}

async function archive(
  root: string,
  file: string,
  busybox: string,
  signal?: AbortSignal,
): Promise<string> {
  const options = { timeoutMs: toolTimeoutMs, signal, cwd: root };
  const names = await runTool(busybox, ['find', '.'], options);
  const cpio = await runTool(busybox, ['cpio', '-o', '-H', 'newc', '-R', '0:0'], {
    ...options,
    input: names.toString(),
  });
  await writeFile(file, cpio);
  return file;
}

/** The scripts stay in the source tree, above which compiled code may live in a directory of its own. */
function scriptPath(name: string): string {
  for (let directory = __dirname; directory !== '/'; directory = dirname(directory)) {
    const path = join(directory, 'test/kernel/vm', name);
    if (existsSync(path)) {
      return path;
    }
  }
  throw new Error(`test/kernel/vm/${name} is in no directory above ${__dirname}`);
}
