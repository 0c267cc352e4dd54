/** Of a sample that is not empty: the value below which a part of it lies, from 0 to 1. */
export function quantile(sample: ArrayLike<number>, part: number): number {
  const sorted = Float64Array.from(sample).sort();
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
  if (value === undefined) throw new Error('nothing was measured');
  return value;
}

export const median = (sample: ArrayLike<number>): number => quantile(sample, 0.5);
