/** What the daemon wrote down of those whom it refused. */

export interface Denial {
  readonly level: number;
  readonly action: string;
  readonly outcome: string;
  readonly code: string;
  readonly reason: string;
  readonly peer: { readonly pid: number; readonly uid: number };
  readonly account: string;
  readonly rule: string;
  readonly details: Readonly<Record<string, unknown>>;
}

export function denialsIn(log: string): Denial[] {
  return log
    .split('\n')
    .filter((line) => line.includes('"outcome":"deny"'))
    .map((line) => {
      const denial: Denial = JSON.parse(line);
      return denial;
    });
}
