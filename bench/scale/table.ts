/** What was measured, step by step, as it is told. */
import { formatNumber, formatRows } from '../report/markdown';
import { drawSeries } from '../report/plots';

export interface Table {
  /** What there is more and more of. */
  readonly of: string;
  readonly columns: readonly string[];
  readonly steps: readonly {
    readonly count: number;
    /** As the columns. */
    readonly values: readonly number[];
  }[];
}

export function formatSteps(table: Table): string {
  const { of, columns, steps } = table;
  return formatRows(
    [of, ...columns],
    [
      ...steps.map(({ count, values }) => [
        count.toLocaleString('en'),
        ...values.map(formatNumber),
      ]),
      ['each', ...slopes(table).map((slope) => slope.toPrecision(2))],
    ],
  );
}

/** By the first and the last step: what one more costs. */
function slopes({ columns, steps }: Table): number[] {
  const [first, last] = [steps[0], steps.at(-1)];
  if (first === undefined || last === undefined) return [];
  return columns.map(
    (_, i) => ((last.values[i] ?? 0) - (first.values[i] ?? 0)) / (last.count - first.count),
  );
}

export function drawSteps({ of, columns, steps }: Table): string {
  const series = columns.map((name, i) => ({
    name,
    points: steps.map(({ count, values }) => ({ x: count, y: values[i] ?? Number.NaN })),
  }));
  return drawSeries(of, series);
}
