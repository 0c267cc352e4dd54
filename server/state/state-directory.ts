/**
 * A directory of small files, one for each thing that is to outlive the process. A file is replaced as a whole (written aside,
 * then renamed), and carries the checksum of what it says: what is damaged costs that one thing. It lies in memory (tmpfs), since
 * what it speaks of does not outlive the machine either.
 */
import { createHash } from 'node:crypto';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { problemOfDirectory } from '../runtime/owned-directory';
import { isSystemError } from '../system-error';

const MAGIC = 'dmabufd-state';
/** Of the files' format. A later version reads the earlier ones, and an earlier one drops what it does not know. */
const VERSION = 1;
const OTHERS_MAY_USE = 0o077;
/** A page: tmpfs gives no less. */
const FILE_BYTES = 4096;
const WRITTEN_ASIDE = '.new';

/** The directory cannot be used. The message is for whoever started the daemon. */
export class StateDirectoryError extends Error {
  override readonly name = 'StateDirectoryError';
}

/** What a file says, or why it is not believed. */
export type StateEntry =
  | { readonly name: string; readonly value: unknown }
  | { readonly name: string; readonly problem: string };

export class StateDirectory {
  private constructor(readonly path: string) {}

  /** Makes it if it is missing. */
  static open(givenPath: string): StateDirectory {
    // Without a trailing slash, with which lstat would follow a symlink.
    const path = resolve(givenPath);
    try {
      mkdirSync(path, { recursive: true, mode: 0o700 });
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new StateDirectoryError(`--state-dir ${path} cannot be created: ${why}`);
    }
    checkDirectory(path);
    // What was being written when an earlier process died.
    for (const name of readdirSync(path)) {
      if (name.endsWith(WRITTEN_ASIDE)) rmSync(join(path, name), { recursive: true, force: true });
    }
    return new StateDirectory(path);
  }

  /** How many files there is room for, those that there are included, if half of what is free is left to others. */
  get capacity(): number {
    const { bavail, bsize } = statfsSync(this.path);
    return readdirSync(this.path).length + Math.floor((bavail * bsize) / 2 / FILE_BYTES);
  }

  /** All that is there, in no order. */
  read(): StateEntry[] {
    return readdirSync(this.path).map((name) => this.readOne(name));
  }

  put(name: string, value: unknown): void {
    const text = JSON.stringify(value);
    const aside = join(this.path, `${name}${WRITTEN_ASIDE}`);
    try {
      writeFileSync(aside, `${MAGIC} ${VERSION} ${checksum(text)}\n${text}\n`, { mode: 0o600 });
      renameSync(aside, join(this.path, name));
    } catch (error) {
      rmSync(aside, { force: true });
      throw error;
    }
  }

  /** Nothing if it is not there. */
  drop(name: string): void {
    try {
      unlinkSync(join(this.path, name));
    } catch (error) {
      if (!isSystemError(error) || error.code !== 'ENOENT') throw error;
    }
  }

  /** The same of whatever somebody has put there. */
  clear(name: string): void {
    rmSync(join(this.path, name), { recursive: true, force: true });
  }

  private readOne(name: string): StateEntry {
    try {
      return { name, value: parse(readFileSync(join(this.path, name), 'utf8')) };
    } catch (error) {
      return { name, problem: error instanceof Error ? error.message : String(error) };
    }
  }
}

function parse(text: string): unknown {
  const end = text.indexOf('\n');
  const [magic, version, sum] = text.slice(0, end).split(' ');
  if (end < 0 || magic !== MAGIC) throw new Error('its first line is not that of a state file');
  if (version !== String(VERSION)) {
    throw new Error(`it is of version ${version}; this daemon reads version ${VERSION}`);
  }
  const body = text.slice(end + 1, -1);
  if (sum !== checksum(body)) throw new Error('its checksum is wrong');
  return JSON.parse(body);
}

function checksum(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function checkDirectory(path: string): void {
  const problem = problemOfDirectory(path, {
    bits: OTHERS_MAY_USE,
    why: 'lets others in: chmod 700',
  });
  if (problem !== null) throw new StateDirectoryError(`--state-dir ${path} is refused: ${problem}`);
}
