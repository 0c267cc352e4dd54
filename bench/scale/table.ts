/** What was measured, step by step, as it is told. */
import { formatNumber, formatRows } from '../report/markdown';
import { drawSeries } from '../report/plots';
import { fitLine } from '../statistics';

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
      ['each', ...slopes(table)],
    ],
  );
}

/** What one more costs, by the method of least squares; – where that is less than twice its standard error. */
function slopes({ columns, steps }: Table): string[] {
  return columns.map((_, i) => {
    const points = steps.map(({ count, values }) => ({ x: count, y: values[i] ?? Number.NaN }));
    const { slope, standardError } = fitLine(points);
    return Math.abs(slope) < 2 * standardError ? '–' : slope.toPrecision(2);
  });
}

export function drawSteps({ of, columns, steps }: Table): string {
  const series = columns.map((name, i) => ({
    name,
    points: steps.map(({ count, values }) => ({ x: count, y: values[i] ?? Number.NaN })),
  }));
  return drawSeries(of, series);
}
