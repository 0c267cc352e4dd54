/** The native tests once more, on an addon that AddressSanitizer and UndefinedBehaviorSanitizer watch. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runTool } from '../host/run-tool';
import { add, type Counts, NO_TESTS, projectRoot, runJest } from '../jest-run';
import { readReports, reportOptions } from './reports';
import { COMPILER } from './runtimes';

/** The condition in package.json's "imports" under which #addon is the sanitized one. */
const CONDITION = 'sanitized';
const ADDON_FILE = 'dmabufd_sanitized.node';
/** How much longer than usual everything may take. */
const SLOWNESS = 4;

/** What was reported counts as one test beside those of jest. */
export async function runNativeTests(
  preload: readonly string[],
  say: (message: string) => void,
): Promise<Counts> {
  say('sanitize: building the addon with AddressSanitizer and UndefinedBehaviorSanitizer');
  await runTool('npm', ['run', '--silent', 'install:sanitized'], {
    timeoutMs: 10 * 60_000,
    cwd: projectRoot,
    env: { ...process.env, CXX: COMPILER },
  });
  const directory = await mkdtemp(join(tmpdir(), 'dmabufd-sanitize-'));
  try {
    const env = {
      ...process.env,
      ...reportOptions(directory),
      LD_PRELOAD: preload.join(' '),
      DMABUFD_TEST_SLOWNESS: String(SLOWNESS),
      // For the processes that tests start. Jest resolves modules itself, and is told beside it.
      NODE_OPTIONS: `--conditions=${CONDITION}`,
    };
    await expectSanitized(env);
    const conditions = { customExportConditions: [CONDITION, 'node', 'node-addons'] };
    const counts = await runJest(
      ['native'],
      ['--runInBand', `--testEnvironmentOptions=${JSON.stringify(conditions)}`],
      env,
    );
    const reports = await readReports(directory, ADDON_FILE);
    for (const report of reports) say(report);
    say(`sanitize: ${reports.length} errors and leaks`);
    return add(counts, { ...NO_TESTS, [reports.length === 0 ? 'passed' : 'failed']: 1 });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Otherwise a slip in package.json would let the ordinary addon pass for the sanitized one. */
async function expectSanitized(env: NodeJS.ProcessEnv): Promise<void> {
  const resolved = await runTool(process.execPath, ['-p', "require.resolve('#addon')"], {
    timeoutMs: 60_000,
    cwd: projectRoot,
    env,
  });
  if (resolved.toString().trim().endsWith(ADDON_FILE)) return;
  throw new Error(`#addon is ${resolved} under the condition ${CONDITION}, not ${ADDON_FILE}`);
}
