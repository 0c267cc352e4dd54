/**
 * Sizes, durations and numbers as people write and read them.
 */

/** What was written is no such quantity; the message says what is. */
export class QuantityError extends Error {
  override readonly name = 'QuantityError';
}

const SIZE_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  K: 1024,
  KiB: 1024,
  M: 1024 ** 2,
  MiB: 1024 ** 2,
  G: 1024 ** 3,
  GiB: 1024 ** 3,
  kB: 1000,
  KB: 1000,
  MB: 1000 ** 2,
  GB: 1000 ** 3,
};

const DURATION_UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Bytes: `4096`, `64K`, `1.5MiB` (powers of 1024), `1MB` (powers of 1000). Whole bytes, up to 2^53 - 1. */
export function parseSize(text: string): number {
  const bytes = parseQuantity(text, SIZE_UNITS);
  if (bytes === null) {
    throw new QuantityError(`${quote(text)} is no size: try 4096, 64K, 1.5MiB or 2GB`);
  }
  if (!Number.isSafeInteger(bytes)) {
    throw new QuantityError(`${quote(text)} is no whole number of bytes below 2^53`);
  }
  return bytes;
}

/** Milliseconds: `500ms`, `1.5s`, `10m`, `2h`, `1d`. A unit must be given, except for 0. */
export function parseDuration(text: string): number {
  if (text === '0') return 0;
  const milliseconds = parseQuantity(text, DURATION_UNITS);
  if (milliseconds === null || !Number.isFinite(milliseconds)) {
    throw new QuantityError(`${quote(text)} is no duration: try 500ms, 60s, 5m or 2h`);
  }
  return milliseconds;
}

/** An integer that is not negative, up to 2^53 - 1. */
export function parseCount(text: string): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(value)) return value;
  throw new QuantityError(`${quote(text)} is no whole number from 0 to 2^53 - 1`);
}

/** `900 B`, `4.0 KiB`, `7.9 MiB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const units = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let value = bytes / 1024;
  let unit = 0;
  // 1023.95 and more would round to 1024.0.
  while (value >= 1023.95 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${value.toFixed(1)} ${units[unit]}`;
}

/** `7.9 MiB (8294400)`; the exact number once if the short form is exact. */
export function formatBytesExactly(bytes: number): string {
  return bytes < 1024 ? formatBytes(bytes) : `${formatBytes(bytes)} (${bytes})`;
}

/** How long ago: `12 ms`, `3.4 s`, `5 min`, `7 h`, `12 d`. */
export function formatAge(milliseconds: number): string {
  const age = Math.max(0, milliseconds);
  if (age < 1000) return `${Math.round(age)} ms`;
  if (age < 60_000) return `${(age / 1000).toFixed(1)} s`;
  if (age < 3_600_000) return `${Math.floor(age / 60_000)} min`;
  if (age < 2 * 86_400_000) return `${Math.floor(age / 3_600_000)} h`;
  return `${Math.floor(age / 86_400_000)} d`;
}

function parseQuantity(text: string, units: Readonly<Record<string, number>>): number | null {
  const match = /^(\d+(?:\.\d+)?) ?([A-Za-z]*)$/.exec(text);
  if (match === null) return null;
  const [, digits = '', unit = ''] = match;
  const factor = Object.hasOwn(units, unit) ? units[unit] : undefined;
  return factor === undefined ? null : Number(digits) * factor;
}

function quote(text: string): string {
  return JSON.stringify(text);
}
