/** What is measured: something of ours beside something that a reader knows. */
import type { Installation } from './installation';

/** What a value is of, as a person reads it. */
export type Unit = 'µs' | 'ms' | 'per second' | 'MiB' | 'KiB';

export type Goal = { readonly atMost: number } | { readonly atLeast: number };

export interface Figure {
  readonly name: string;
  /** What it is measured against, in the same run. Without one the value itself is the figure. */
  readonly baseline: string | null;
  readonly unit: Unit;
  /** Of the ratio, or of the value where there is no baseline. */
  readonly goal: Goal;
  /**
   * What a change must not make of it: so far from what is measured that no noise comes there. Unset where the machine decides more
   * than the code. In the direction of the goal.
   */
  readonly limit?: number;
  /** How often the two take turns. */
  readonly rounds: number;
  /** Starts what is needed for both. */
  prepare(installation: Installation): Promise<Contest>;
}

/** One round's outcome: the figure's value, and the sample that it was taken from where there is one, in the same unit. */
export interface Outcome {
  readonly value: number;
  readonly sample?: Float64Array;
}

export interface Contest extends AsyncDisposable {
  readonly ours: () => Promise<Outcome>;
  /** Of a figure that has a baseline. */
  readonly theirs?: () => Promise<Outcome>;
}

export interface Result {
  readonly figure: Figure;
  /** In the order of the rounds. */
  readonly ours: readonly Outcome[];
  readonly theirs: readonly Outcome[];
}

/** The two take turns, and who begins changes: what the machine does to one it does to the other. */
export async function measure(
  figure: Figure,
  installation: Installation,
  rounds = figure.rounds,
): Promise<Result> {
  await using contest = await figure.prepare(installation);
  const ours: Outcome[] = [];
  const theirs: Outcome[] = [];
  for (let round = 0; round < rounds; round += 1) {
    if (round % 2 === 0) ours.push(await contest.ours());
    if (contest.theirs !== undefined) theirs.push(await contest.theirs());
    if (round % 2 === 1) ours.push(await contest.ours());
  }
  return { figure, ours, theirs };
}
