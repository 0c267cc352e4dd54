import { writeSync } from 'node:fs';
import { formatTimings, type Timings } from '../timings';

/** To whoever started this program, which then ends, whatever it has open. */
export function answer(timings: Timings): never {
  const bytes = formatTimings(timings);
  for (let written = 0; written < bytes.length; ) {
    written += writeSync(1, bytes, written);
  }
  process.exit(0);
}

/** What a program was told, by its place. */
export function argument(index: number): string {
  const value = process.argv[2 + index];
  if (value === undefined) throw new Error(`argument ${index + 1} is missing`);
  return value;
}
