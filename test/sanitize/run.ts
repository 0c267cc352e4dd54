/** All that runs with sanitizers, and how many of it passed. */
import { add, type Counts, NO_TESTS } from '../jest-run';
import { runNativeTests } from './native-tests';
import { hammerFdPlane } from './race';
import { findRuntimes } from './runtimes';

export async function runSanitized(
  raceSeconds: number,
  say: (message: string) => void,
): Promise<Counts> {
  try {
    const runtimes = await findRuntimes();
    if (!runtimes.ready) {
      say(
        `sanitized tests skipped: ${runtimes.reason}. To enable them: install the sanitizers of g++`,
      );
      return { ...NO_TESTS, skipped: 2 };
    }
    return add(await runNativeTests(runtimes.preload, say), await hammerFdPlane(raceSeconds, say));
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    return { ...NO_TESTS, failed: 1 };
  }
}
