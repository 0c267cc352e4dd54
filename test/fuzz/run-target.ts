/** One run of one fuzz target, which is built for it, and what came of it. */
import { spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheDirectory } from '../host/cache-directory';
import { compile } from '../host/compile';
import { projectRoot } from '../jest-run';
import { SANITIZERS } from './clang';
import type { Target } from './targets';

export interface FuzzResult {
  readonly target: Target;
  readonly executions: number;
  /** Edges of the target's control flow, its own and those of what it tests, that some input has taken. */
  readonly edges: number;
  /** Inputs kept because each covers something that no other does. */
  readonly corpusInputs: number;
  /** What the fuzzer says of an input that broke a rule; null if it found none. */
  readonly finding: Finding | null;
}

export interface Finding {
  readonly report: string;
  /** Runs the input again; null if the fuzzer left none. */
  readonly reproduce: string | null;
}

/** Where the grown corpora and the inputs of findings are: TARGET/corpus and TARGET/findings. */
export const fuzzDirectory = join(cacheDirectory(), 'fuzz');

/** How long one input may take; usual is a millisecond. */
const INPUT_SECONDS = 30;
const REPORT_LINES = 50;

export async function fuzz(compiler: string, target: Target, seconds: number): Promise<FuzzResult> {
  const source = `fuzz/${target.name}_fuzzer.cc`;
  const program = await compile({
    compiler,
    sanitizers: SANITIZERS,
    sources: [source, ...target.sources],
  });
  // The corpus that grew in earlier runs is where this one goes on.
  const grown = join(fuzzDirectory, target.name, 'corpus');
  const findings = join(fuzzDirectory, target.name, 'findings');
  await mkdir(grown, { recursive: true });
  await mkdir(findings, { recursive: true });
  const { exitCode, output } = await run(program, [
    `-max_total_time=${seconds}`,
    `-max_len=${target.maxInputBytes}`,
    `-timeout=${INPUT_SECONDS}`,
    `-artifact_prefix=${findings}/`,
    '-print_final_stats=1',
    grown,
    join(projectRoot, 'native', 'fuzz', 'corpus', target.name),
  ]);
  return {
    target,
    executions: lastNumber(output, /^stat::number_of_executed_units:\s*(\d+)/gm),
    edges: lastNumber(output, / cov: (\d+) /g),
    corpusInputs: lastNumber(output, / corp: (\d+)\//g),
    finding: exitCode === 0 ? null : findingIn(output, program),
  };
}

function run(
  program: string,
  args: readonly string[],
): Promise<{ exitCode: number; output: string }> {
  return new Promise((done, fail) => {
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    const chunks: Buffer[] = [];
    child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.on('error', fail);
    child.on('close', (code) =>
      done({ exitCode: code ?? 1, output: Buffer.concat(chunks).toString() }),
    );
  });
}

function lastNumber(output: string, pattern: RegExp): number {
  return Number([...output.matchAll(pattern)].at(-1)?.[1] ?? 0);
}

function findingIn(output: string, program: string): Finding {
  const begin = output.search(/^(broken rule|.*runtime error|==\d+== ?ERROR)/m);
  const report =
    begin < 0 ? output.split('\n').slice(-REPORT_LINES) : output.slice(begin).split('\n');
  const input = /Test unit written to (.+)/.exec(output)?.[1];
  return {
    report: report.slice(0, REPORT_LINES).join('\n'),
    reproduce: input === undefined ? null : `${program} ${input}`,
  };
}
