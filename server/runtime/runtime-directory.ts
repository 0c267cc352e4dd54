/**
 * The directory that holds the two sockets, and the lock that says whose they are. Only a directory that nobody else can
 * change is used. The lock, not the sockets, tells whether a daemon lives: it ends with its process, so sockets
 * that are found while the lock is ours were left behind and are taken over.
 */
import { chmodSync, lstatSync, mkdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { geteuid } from 'node:process';
import type { Fd, NativeAddon } from '../../native';
import { CONTROL_SOCKET_NAME, FD_SOCKET_NAME } from '../../proto';
import { problemOfDirectory } from './owned-directory';

const LOCK_NAME = 'dmabufd.lock';
const OTHERS_MAY_WRITE = 0o022;
/** sun_path of linux/un.h, without the NUL. */
const MAX_SOCKET_PATH_BYTES = 107;

/** The daemon cannot have its directory. The message is for whoever started it. */
export class RuntimeDirectoryError extends Error {
  override readonly name = 'RuntimeDirectoryError';
}

/** Both sockets, bound and listening, and theirs for as long as this lives. */
export interface RuntimeDirectory {
  readonly path: string;
  readonly controlListener: Fd;
  readonly fdListener: Fd;
  /** A service manager's: they are there before and after this process. */
  readonly areShared: boolean;
  /** Removes the sockets and gives the lock back. */
  release(): void;
}

export function openRuntimeDirectory(
  addon: Pick<NativeAddon, 'lockFile' | 'listenUnix'>,
  givenPath: string,
  socketMode: number,
): RuntimeDirectory {
  // Without a trailing slash, with which lstat would follow a symlink.
  const path = resolve(givenPath);
  const sockets = [CONTROL_SOCKET_NAME, FD_SOCKET_NAME].map((name) => join(path, name));
  for (const socket of sockets) checkPathLength(socket);
  makeDirectory(path);
  checkDirectory(path);
  const lock = takeLock(addon, path);
  const removeSockets = () => {
    for (const socket of sockets) rmSync(socket, { force: true });
  };
  try {
    for (const socket of sockets) removeLeftBehind(socket);
    return {
      path,
      areShared: false,
      controlListener: addon.listenUnix('stream', join(path, CONTROL_SOCKET_NAME), socketMode),
      fdListener: addon.listenUnix('seqpacket', join(path, FD_SOCKET_NAME), socketMode),
      release() {
        removeSockets();
        lock.close();
      },
    };
  } catch (error) {
    lock.close();
    throw error;
  }
}

function checkPathLength(path: string): void {
  const lengthBytes = Buffer.byteLength(path);
  if (lengthBytes <= MAX_SOCKET_PATH_BYTES) return;
  throw new RuntimeDirectoryError(
    `--runtime-dir makes the socket path ${path}, which is ${lengthBytes} bytes long; Linux takes at most ${MAX_SOCKET_PATH_BYTES}`,
  );
}

/** For root everybody may reach the sockets, whose own mode decides; otherwise only the user. */
function makeDirectory(path: string): void {
  const mode = geteuid?.() === 0 ? 0o755 : 0o700;
  try {
    const made = mkdirSync(path, { recursive: true, mode });
    // mkdir(2) obeys the umask, which may have taken bits away that clients need.
    if (made !== undefined) chmodSync(path, mode);
  } catch (error) {
    throw new RuntimeDirectoryError(`--runtime-dir ${path} cannot be created: ${messageOf(error)}`);
  }
}

function checkDirectory(path: string): void {
  const why = 'lets others write in it: chmod go-w';
  const problem = problemOfDirectory(path, { bits: OTHERS_MAY_WRITE, why });
  if (problem === null) return;
  throw new RuntimeDirectoryError(`--runtime-dir ${path} is refused: ${problem}`);
}

function takeLock(addon: Pick<NativeAddon, 'lockFile'>, directory: string): Fd {
  const path = join(directory, LOCK_NAME);
  const { fd, holderPid } = addon.lockFile(path);
  if (fd !== null) return fd;
  const holder = holderPid === 0 ? 'a process that is not visible from here' : `pid ${holderPid}`;
  throw new RuntimeDirectoryError(`a dmabufd runs in ${directory} already: ${holder}`);
}

/** The lock is ours, so a socket there is of nobody who may have one. */
function removeLeftBehind(socket: string): void {
  if (lstatSync(socket, { throwIfNoEntry: false })?.isDirectory()) {
    throw new RuntimeDirectoryError(`${socket} is a directory, where a socket is to be: remove it`);
  }
  rmSync(socket, { force: true });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
