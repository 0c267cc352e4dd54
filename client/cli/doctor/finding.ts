/**
 * What doctor found about one thing.
 */

/** `missing` is something that dma-bufs need and the machine can do without; `bad` is something that must be mended. */
export type FindingState = 'good' | 'missing' | 'bad';

/** One thing that was looked at. */
export interface Finding {
  readonly what: string;
  readonly state: FindingState;
  readonly found: string;
  /** What to do about it; null if nothing. */
  readonly advice: string | null;
}

export function good(what: string, found: string): Finding {
  return { what, state: 'good', found, advice: null };
}

export function missing(what: string, found: string, advice: string): Finding {
  return { what, state: 'missing', found, advice };
}

export function bad(what: string, found: string, advice: string): Finding {
  return { what, state: 'bad', found, advice };
}
