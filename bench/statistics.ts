/** Of a sample that is not empty: the value below which a part of it lies, from 0 to 1. */
export function quantile(sample: ArrayLike<number>, part: number): number {
  const sorted = Float64Array.from(sample).sort();
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
  if (value === undefined) throw new Error('nothing was measured');
  return value;
}

export const median = (sample: ArrayLike<number>): number => quantile(sample, 0.5);

/** Of the line that fits best by the method of least squares through three points or more. */
export function fitLine(points: readonly { readonly x: number; readonly y: number }[]) {
  const mean = (of: (point: (typeof points)[number]) => number) =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const [meanX, meanY] = [mean(({ x }) => x), mean(({ y }) => y)];
  const spread = mean(({ x }) => (x - meanX) ** 2) * points.length;
  const slope = (mean(({ x, y }) => (x - meanX) * (y - meanY)) * points.length) / spread;
  const left = mean(({ x, y }) => (y - meanY - slope * (x - meanX)) ** 2) * points.length;
  return { slope, standardError: Math.sqrt(left / (points.length - 2) / spread) };
}
