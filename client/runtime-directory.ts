/**
 * Where the daemon's two sockets are, when the application does not say: the system's service if there is one, else
 * the user's own daemon.
 */
import { existsSync, lstatSync } from 'node:fs';
import { resolve } from 'node:path';
import { DmabufdError } from './errors';

/** The directory of the system's service. */
const SERVICE_DIRECTORY = '/run/dmabufd';

/** What the choice depends on. */
export interface Surroundings {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly uid: number;
  readonly exists: (path: string) => boolean;
  /** Whether only this user can have made it: a directory, no symlink, its own. */
  readonly isOwn: (path: string) => boolean;
}

/** The directory to look for a daemon in: `$DMABUFD_RUNTIME_DIR`, `/run/dmabufd`, `$XDG_RUNTIME_DIR/dmabufd` or `/tmp/dmabufd-UID`. */
export function findRuntimeDirectory(surroundings: Surroundings = ofThisProcess()): string {
  const { environment, uid, exists, isOwn } = surroundings;
  const chosen = environment['DMABUFD_RUNTIME_DIR'];
  if (chosen !== undefined && chosen !== '') return resolve(chosen);
  if (exists(SERVICE_DIRECTORY)) return SERVICE_DIRECTORY;
  const ofUser = environment['XDG_RUNTIME_DIR'];
  if (ofUser !== undefined && ofUser !== '') return resolve(ofUser, 'dmabufd');
  const inTmp = `/tmp/dmabufd-${uid}`;
  // Anybody can make that directory, and a daemon in it that gives out memory of its own.
  if (exists(inTmp) && !isOwn(inTmp)) {
    throw new DmabufdError(
      'PERMISSION_DENIED',
      `${inTmp} belongs to another user: not trusted. Set XDG_RUNTIME_DIR or DMABUFD_RUNTIME_DIR`,
    );
  }
  return inTmp;
}

function ofThisProcess(): Surroundings {
  return {
    environment: process.env,
    uid: process.geteuid?.() ?? 0,
    exists: existsSync,
    isOwn: (path) => {
      const found = lstatSync(path);
      return found.isDirectory() && found.uid === process.geteuid?.();
    },
  };
}
