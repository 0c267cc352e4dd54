/** Numbers of users and groups as they are written. */
import type { IdRange } from '../domain/policy';

/** 2^32 - 1 is none: to the kernel it says "leave it as it is". */
export const MAX_ID = 2 ** 32 - 2;

/** A number, or a text of digits; undefined for anything else. */
export function parseId(value: unknown): number | undefined {
  const isNumber = typeof value === 'number' || (typeof value === 'string' && /^\d+$/.test(value));
  const id = isNumber ? Number(value) : Number.NaN;
  return Number.isInteger(id) && id >= 0 && id <= MAX_ID ? id : undefined;
}

/** `1000`, or `2000-2999`. */
export function parseIdRange(value: unknown): IdRange | undefined {
  const [first, last, ...more] = typeof value === 'string' ? value.split('-') : [value];
  const from = parseId(first);
  const to = last === undefined ? from : parseId(last);
  if (from === undefined || to === undefined || from > to || more.length > 0) return undefined;
  return { first: from, last: to };
}
