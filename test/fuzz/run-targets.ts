/** Runs fuzz targets, as many at once as there are processors, and tells of each as it ends. */
import { availableParallelism } from 'node:os';
import { type Finding, type FuzzResult, fuzz } from './run-target';
import type { Target } from './targets';

type Say = (message: string) => void;

export async function fuzzAll(
  compiler: string,
  targets: readonly Target[],
  seconds: number,
  say: Say,
): Promise<FuzzResult[]> {
  const waiting = [...targets];
  const results: FuzzResult[] = [];
  const work = async () => {
    for (let target = waiting.shift(); target !== undefined; target = waiting.shift()) {
      const result = await fuzz(compiler, target, seconds).catch((error: unknown) =>
        couldNotRun(target, error),
      );
      results.push(result);
      tell(result, seconds, say);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  return results;
}

/** A target that does not compile shows nothing, least of all that all is well. */
function couldNotRun(target: Target, error: unknown): FuzzResult {
  const report = error instanceof Error ? error.message : String(error);
  const none = { executions: 0, edges: 0, corpusInputs: 0 };
  return { target, ...none, finding: { report, reproduce: null } };
}

function tell(result: FuzzResult, seconds: number, say: Say): void {
  const { target, executions, edges, corpusInputs, finding } = result;
  const numbers = [
    `${executions.toLocaleString('en')} executions in ${seconds} s`,
    `${edges} edges`,
    `corpus of ${corpusInputs}`,
    finding === null ? 'no finding' : 'A FINDING',
  ];
  say(`fuzz ${target.name}: ${numbers.join(', ')}`);
  if (finding !== null) tellFinding(finding, say);
}

function tellFinding({ report, reproduce }: Finding, say: Say): void {
  say(report);
  if (reproduce !== null) say(`to run its input again:\n  ${reproduce}`);
}
