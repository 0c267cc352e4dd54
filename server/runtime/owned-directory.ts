/** Directories that the daemon works in must be its own: whoever can change them could give himself what is others'. */
import { lstatSync } from 'node:fs';
import { geteuid } from 'node:process';

/** What others must not have, and what to do about it. */
export interface ForbiddenMode {
  readonly bits: number;
  /** Such as `lets others write in it: chmod go-w`; the path follows. */
  readonly why: string;
}

/** Why it is not to be used; null if it is the daemon's own. */
export function problemOfDirectory(path: string, forbidden: ForbiddenMode): string | null {
  const found = lstatSync(path);
  const uid = geteuid?.() ?? 0;
  if (found.isSymbolicLink()) return 'it is a symbolic link';
  if (!found.isDirectory()) return 'it is not a directory';
  if (found.uid !== uid) return `it belongs to uid ${found.uid}, the daemon runs as uid ${uid}`;
  if ((found.mode & forbidden.bits) === 0) return null;
  return `its mode ${(found.mode & 0o7777).toString(8)} ${forbidden.why} ${path}`;
}
