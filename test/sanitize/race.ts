/** native/race/fd_plane_race.cc under ThreadSanitizer: the fd plane without Node, hammered from all sides. */
import { compile, coreSources } from '../host/compile';
import { runTool } from '../host/run-tool';
import { type Counts, NO_TESTS } from '../jest-run';
import { COMPILER } from './runtimes';

/** Counts as one test. Rejects with ThreadSanitizer's report if there is one. */
export async function hammerFdPlane(
  seconds: number,
  say: (message: string) => void,
): Promise<Counts> {
  say(`sanitize: the fd plane under ThreadSanitizer, ${seconds} s`);
  const program = await compile({
    compiler: COMPILER,
    sanitizers: 'thread',
    sources: ['race/fd_plane_race.cc', ...(await coreSources())],
  });
  const tally = await runTool(program, [String(seconds)], {
    timeoutMs: (seconds + 120) * 1000,
    // The first report is the one to look at.
    env: { ...process.env, TSAN_OPTIONS: 'halt_on_error=1' },
    lastLines: 60,
  });
  say(`sanitize: no race in ${tally.toString().trim()}`);
  return { ...NO_TESTS, passed: 1 };
}
