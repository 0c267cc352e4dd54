/** Asks the kernel through kernel-call.c, the C program beside this file. */
import { execFileSync, type StdioOptions } from 'node:child_process';
import { join } from 'node:path';
import type { Fd } from '../../../native';
import { PROGRAMS_DIRECTORY } from '../in-vm-settings';

/** Where a compiled program of these tests is. */
export function programPath(name: string): string {
  return join(PROGRAMS_DIRECTORY, name);
}

/** Answers what the program printed: `ok ...` or the name of an errno. */
export function kernelCall(...args: (string | number)[]): string {
  return execFileSync(programPath('kernel-call'), args.map(String), { encoding: 'utf8' }).trim();
}

/** The same with an open file as its fd 3. */
export function kernelCallOn(fd: Fd, ...args: (string | number)[]): string {
  const stdio: StdioOptions = ['ignore', 'pipe', 'inherit', fd.number];
  const options = { encoding: 'utf8', stdio } as const;
  return execFileSync(programPath('kernel-call'), args.map(String), options).trim();
}

/** The system heap of a stock kernel. */
export const SYSTEM_HEAP = '/dev/dma_heap/system';
export const PAGE = 4096;

export const O_RDONLY = 0;
export const O_RDWR = 2;
export const O_NONBLOCK = 0o4000;
export const O_CLOEXEC = 0o2000000;
