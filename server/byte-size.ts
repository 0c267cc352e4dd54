/** Sizes as the daemon's administrator writes them, on its command line and in its policy. */

const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  K: 2 ** 10,
  M: 2 ** 20,
  G: 2 ** 30,
  T: 2 ** 40,
};

/** Bytes of `1048576`, `512M` or `2GiB`; undefined for what is no such size. */
export function parseByteSize(text: string): number | undefined {
  const match = /^(\d+)([KMGT]?)(?:iB)?$/.exec(text);
  const bytes = Number(match?.[1]) * (UNITS[match?.[2] ?? ''] ?? Number.NaN);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}
