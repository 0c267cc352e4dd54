/** What a round comes to, of what a measuring program found. */
import type { Outcome } from './figure';
import { quantile } from './statistics';
import type { Timings } from './timings';

/** How long a part of the requests took at the most, in µs. */
export const quantileOf =
  (part: number) =>
  ({ eachNs }: Timings): Outcome => {
    const sample = Float64Array.from(eachNs, (ns) => ns / 1000);
    return { value: quantile(sample, part), sample };
  };

export const p50 = quantileOf(0.5);

/** Per second, where each request gave so many. */
export const rate =
  (each = 1) =>
  ({ totalNs, eachNs }: Timings): Outcome => ({ value: (eachNs.length * each * 1e9) / totalNs });
