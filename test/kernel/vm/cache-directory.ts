/**
 * Where the VM's files live between runs. What is found there under its final name is whole: it
 * is made aside, in a directory that names its maker's pid, and renamed when it is complete.
 */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

export function cacheDirectory(env: NodeJS.ProcessEnv = process.env): string {
  if (env.DMABUFD_CACHE_DIR) {
    return env.DMABUFD_CACHE_DIR;
  }
  return join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'dmabufd');
}

/**
 * Returns the path of entry `name`, calling `make` to fill a directory aside first when it is not
 * there. `make` returns the path, inside that directory, of what becomes the entry. Two processes may
 * make the same entry at once: the first to finish wins and the other takes what it left.
 */
export async function cachedEntry(
  cacheDir: string,
  name: string,
  make: (aside: string) => Promise<string>,
): Promise<string> {
  const entry = join(cacheDir, name);
  if (existsSync(entry)) {
    return entry;
  }
  await mkdir(cacheDir, { recursive: true });
  await removeAbandoned(cacheDir);
  const aside = await mkdtemp(join(cacheDir, `aside-${process.pid}-`));
  try {
    const made = await make(aside);
    await rename(made, entry).catch((error: unknown) => {
      if (!existsSync(entry)) {
        throw error;
      }
    });
    return entry;
  } finally {
    await rm(aside, { recursive: true, force: true });
  }
}

async function removeAbandoned(cacheDir: string): Promise<void> {
  for (const name of await readdir(cacheDir)) {
    const maker = /^aside-(\d+)-/.exec(name)?.[1];
    if (maker !== undefined && !existsSync(`/proc/${maker}`)) {
      await rm(join(cacheDir, name), { recursive: true, force: true });
    }
  }
}
