/** What a figure comes to: the ratio of each round, and whether it is where it is to be. */
import type { Goal, Result, Unit } from '../figure';
import { median, quantile } from '../statistics';

export interface Verdict {
  readonly name: string;
  readonly baseline: string | null;
  readonly unit: Unit;
  readonly goal: Goal;
  /** Medians of the rounds, in the unit. */
  readonly ours: number;
  readonly theirs: number | null;
  /** Of all rounds together, in the unit, where there is a sample. */
  readonly oursP99: number | null;
  readonly theirsP99: number | null;
  /** Of each round, in order; the values themselves where there is no baseline. */
  readonly ratios: readonly number[];
  /** The median of those. */
  readonly ratio: number;
  readonly isReached: boolean;
  /** False if it is on the wrong side of its limit. */
  readonly isWithinLimit: boolean;
}

export function judge({ figure, ours, theirs }: Result): Verdict {
  const { name, baseline, unit, goal, limit } = figure;
  const ratios = ours.map(({ value }, round) => {
    const other = theirs[round]?.value;
    return other === undefined ? value : value / other;
  });
  const ratio = median(ratios);
  if (!Number.isFinite(ratio)) throw new Error(`${name}: ${ratio} is no measurement`);
  const isReached = 'atMost' in goal ? ratio <= goal.atMost : ratio >= goal.atLeast;
  const isWithinLimit = limit === undefined || ('atMost' in goal ? ratio <= limit : ratio >= limit);
  const values = (outcomes: typeof ours) => outcomes.map(({ value }) => value);
  return {
    ...{ name, baseline, unit, goal, ratios, ratio, isReached, isWithinLimit },
    ours: median(values(ours)),
    theirs: theirs.length === 0 ? null : median(values(theirs)),
    oursP99: p99(ours),
    theirsP99: p99(theirs),
  };
}

function p99(outcomes: Result['ours']): number | null {
  const samples = outcomes.flatMap(({ sample }) => (sample === undefined ? [] : [...sample]));
  return samples.length === 0 ? null : quantile(samples, 0.99);
}
