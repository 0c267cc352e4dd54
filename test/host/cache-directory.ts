/**
 * Where the VM's files live between runs. What is found there under its final name is whole: it
 * is made aside, in a directory of its maker's own, and renamed when it is complete.
 */
import { existsSync, statSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

const asidePrefix = 'aside-';
/** Longer than all the deadlines of a download together. */
const abandonedAfterMs = 2 * 60 * 60_000;

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
  const aside = await mkdtemp(join(cacheDir, asidePrefix));
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

/**
 * A maker that was killed leaves its directory behind. Age tells, since a pid means nothing to a process in
 * another container that shares the cache; and what cannot be removed now is for another time.
 */
async function removeAbandoned(cacheDir: string): Promise<void> {
  for (const name of await readdir(cacheDir)) {
    const path = join(cacheDir, name);
    const changedMs = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
    if (name.startsWith(asidePrefix) && Date.now() - changedMs > abandonedAfterMs) {
      await rm(path, { recursive: true, force: true }).catch(() => {});
    }
  }
}
