/** g++, which builds the addon, and the runtimes of its sanitizers, which on Debian come with it. */
import { isAbsolute } from 'node:path';
import { runTool } from '../host/run-tool';

export const COMPILER = 'g++';

export type Runtimes =
  /** What must be loaded before everything else in a process that loads the sanitized addon. */
  | { readonly ready: true; readonly preload: readonly string[] }
  /** In one line: what is missing. */
  | { readonly ready: false; readonly reason: string };

export async function findRuntimes(): Promise<Runtimes> {
  const paths: string[] = [];
  for (const name of ['libasan.so', 'libubsan.so', 'libtsan.so']) {
    const answer = await runTool(COMPILER, [`-print-file-name=${name}`], { timeoutMs: 60_000 });
    const path = answer.toString().trim();
    if (!isAbsolute(path)) return { ready: false, reason: `${COMPILER} has no ${name}` };
    paths.push(path);
  }
  return { ready: true, preload: paths.slice(0, 2) };
}
