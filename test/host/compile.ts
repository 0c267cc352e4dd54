/** Compiles C++ of native/ with sanitizers into programs of their own, beside the addon. */
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { projectRoot } from '../jest-run';
import { runTool } from './run-tool';

const native = join(projectRoot, 'native');
const programs = join(projectRoot, 'dist', 'test', 'native', 'programs');

const FLAGS = [
  '-std=c++17',
  '-D_GNU_SOURCE',
  '-Wall',
  '-Wextra',
  '-Wnon-virtual-dtor',
  '-Werror',
  '-g',
  '-O1',
  '-fno-omit-frame-pointer',
  '-fno-sanitize-recover=all',
  `-I${join(native, 'src')}`,
  `-I${join(projectRoot, 'proto')}`,
  '-pthread',
];

/** Everything below native/src that needs no Node. */
export async function coreSources(): Promise<string[]> {
  const files = await readdir(join(native, 'src'), { recursive: true });
  return files
    .filter((file) => file.endsWith('.cc') && !file.startsWith('binding/'))
    .map((file) => join('src', file));
}

export interface Compilation {
  readonly compiler: string;
  /** What -fsanitize= takes. */
  readonly sanitizers: string;
  /** Below native/. The first one names the program. */
  readonly sources: readonly [string, ...string[]];
}

/** Returns the program's path. */
export async function compile({ compiler, sanitizers, sources }: Compilation): Promise<string> {
  await mkdir(programs, { recursive: true });
  const program = join(programs, sources[0].replace(/^.*\/|\.cc$/g, ''));
  await runTool(
    compiler,
    [
      ...FLAGS,
      `-fsanitize=${sanitizers}`,
      '-o',
      program,
      ...sources.map((source) => join(native, source)),
    ],
    { timeoutMs: 10 * 60_000 },
  );
  return program;
}
