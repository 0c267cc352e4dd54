/** One run of jest over some folders of compiled tests, and what came of it. */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** How many tests did what. A test file that could not be run at all counts as one that failed. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

export const NO_TESTS: Counts = { passed: 0, failed: 0, skipped: 0 };

export function add(one: Counts, other: Counts): Counts {
  return {
    passed: one.passed + other.passed,
    failed: one.failed + other.failed,
    skipped: one.skipped + other.skipped,
  };
}

/** The project's root, from its compiled tests. */
export const projectRoot = resolve(__dirname, '..', '..');

function count(report: unknown, name: string): number {
  if (typeof report !== 'object' || report === null) return 0;
  const value: unknown = Object.entries(report).find(([key]) => key === name)?.[1];
  return typeof value === 'number' ? value : 0;
}

/** Reads the file that jest --json wrote. */
export async function readCounts(file: string): Promise<Counts> {
  const report: unknown = JSON.parse(await readFile(file, 'utf8'));
  return {
    passed: count(report, 'numPassedTests'),
    failed: count(report, 'numFailedTests') + count(report, 'numRuntimeErrorTestSuites'),
    skipped: count(report, 'numPendingTests') + count(report, 'numTodoTests'),
  };
}

/** Runs a program in the project's root with this process's output; answers its exit code. */
export function run(program: string, args: readonly string[], env = process.env): Promise<number> {
  return new Promise((done, fail) => {
    const child = spawn(program, args, {
      cwd: projectRoot,
      env,
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    child.on('error', fail);
    child.on('close', (code) => done(code ?? 1));
  });
}

/** Runs the tests in folders of dist/test, or in files. No tests at all is a failure. */
export async function runJest(
  places: readonly string[],
  jestOptions: readonly string[] = [],
  env = process.env,
): Promise<Counts> {
  const directory = await mkdtemp(join(tmpdir(), 'dmabufd-jest-'));
  try {
    const report = join(directory, 'report.json');
    const args = [
      require.resolve('jest/bin/jest'),
      '--json',
      `--outputFile=${report}`,
      ...places.map((place) => join('dist', 'test', place, place.endsWith('.js') ? '' : '/')),
      // After the places, which an option that takes several values would swallow.
      ...jestOptions,
    ];
    const exitCode = await run(process.execPath, args, env);
    const counts = await readCounts(report).catch(() => NO_TESTS);
    const ranNothing = counts.passed + counts.failed === 0;
    return (exitCode !== 0 || ranNothing) && counts.failed === 0
      ? { ...counts, failed: 1 }
      : counts;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
