/**
 * Opens and reads a policy file, if it can be trusted: whoever may write it decides who may do what. Symbolic links are
 * followed, as administrators use them; what counts is whose the file is that is found in the end, and that is
 * asked of the open file, which nobody can exchange any more.
 */
import { constants, type Stats } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { describeError, isSystemError } from '../system-error';
import { PolicyFileError } from './problems';

/** A thousand rules, and little enough that reading it does not hold the daemon up for long. */
export const MAX_FILE_BYTES = 128 * 1024;
const OTHERS_MAY_WRITE = 0o022;

/** Null if there is no such file; a PolicyFileError for one that cannot be read or trusted. */
export async function readPolicyFile(path: string, daemonUid: number): Promise<string | null> {
  const file = await openFile(path);
  if (file === null) return null;
  try {
    const why = reasonToRefuse(await file.stat(), daemonUid);
    if (why !== null) throw refused(path, why);
    return decode(path, await readAll(path, file));
  } finally {
    await file.close();
  }
}

async function openFile(path: string): Promise<FileHandle | null> {
  // Opening a FIFO or a terminal must neither wait nor take it over.
  const flags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
  try {
    return await open(path, flags);
  } catch (error) {
    if (isSystemError(error) && error.code === 'ENOENT') return null;
    throw refused(path, describeError(error));
  }
}

function reasonToRefuse(found: Stats, daemonUid: number): string | null {
  if (!found.isFile()) return 'it is not a regular file';
  if (found.uid !== 0 && found.uid !== daemonUid) {
    return `it belongs to uid ${found.uid}: it must belong to root or uid ${daemonUid}, as which the daemon runs`;
  }
  if ((found.mode & OTHERS_MAY_WRITE) !== 0) {
    const mode = (found.mode & 0o7777).toString(8);
    return `its mode ${mode} lets others write it: chmod go-w it`;
  }
  return null;
}

/** What was read counts, not what fstat said: a file may grow meanwhile. */
async function readAll(path: string, file: FileHandle): Promise<Uint8Array> {
  const bytes = new Uint8Array(MAX_FILE_BYTES + 1);
  let length = 0;
  for (;;) {
    const { bytesRead } = await file.read(bytes, length, bytes.length - length, null);
    if (bytesRead === 0) return bytes.subarray(0, length);
    length += bytesRead;
    if (length > MAX_FILE_BYTES) throw refused(path, `it is longer than ${MAX_FILE_BYTES} bytes`);
  }
}

function decode(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw refused(path, 'it is not UTF-8');
  }
}

function refused(path: string, why: string): PolicyFileError {
  return new PolicyFileError([`${path}: ${why}`]);
}
