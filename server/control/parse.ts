/**
 * Parses the fields of requests into what the domain takes. Each refusal names the field, the value and the limit.
 * uint64 comes as a decimal string, and an enum's unknown number as a number.
 */
import type { Access, CpuAccessMode } from '../domain/access';
import { DomainError } from '../domain/errors';
import type { Audience } from '../domain/views';

const SECOND_MS = 1000;
const NANOS_PER_MS = 1_000_000;
const DEFAULT_PAGE_SIZE = 100;
const MAX_PAGE_SIZE = 1000;
const MAX_CGROUP_LENGTH = 4096;

function invalid(message: string): DomainError {
  return new DomainError('invalid-argument', message);
}

/** An id. One beyond 2^53 was never given, and rounding it could hit another's: NOT_FOUND at once. */
export function parseId(field: string, value: string): number {
  const id = Number(value);
  if (id === 0) throw invalid(`${field} is 0; ids begin at 1`);
  if (Number.isSafeInteger(id)) return id;
  throw new DomainError('not-found', `${field} is ${value}, which was never given`);
}

/** Bytes. Which sizes are allowed is the domain's to say; here only that no digit is lost. */
export function parseSize(field: string, value: string): number {
  const sizeBytes = Number(value);
  if (Number.isSafeInteger(sizeBytes)) return sizeBytes;
  throw invalid(`${field} is ${value}; it must be 1 to ${Number.MAX_SAFE_INTEGER}`);
}

export function parseMode(value: string | number): CpuAccessMode {
  switch (value) {
    case 'CPU_ACCESS_MODE_READ':
      return 'read';
    case 'CPU_ACCESS_MODE_WRITE':
      return 'write';
    case 'CPU_ACCESS_MODE_READ_WRITE':
      return 'read-write';
    default:
      throw invalid(`mode is ${value}; it must be READ (1), WRITE (2) or READ_WRITE (3)`);
  }
}

/** Null for UNSPECIFIED: the most that the caller may give. */
export function parseAccess(value: string | number): Access | null {
  switch (value) {
    case 'ACCESS_UNSPECIFIED':
      return null;
    case 'ACCESS_READ':
      return 'read';
    case 'ACCESS_READ_WRITE':
      return 'read-write';
    default:
      throw invalid(`access is ${value}; it must be UNSPECIFIED (0), READ (1) or READ_WRITE (2)`);
  }
}

export function parseAudience(
  audience: { readonly uid?: number; readonly gid?: number; readonly cgroup: string } | null,
): Audience {
  return {
    uid: audience?.uid ?? null,
    gid: audience?.gid ?? null,
    cgroup: parseCgroup('audience.cgroup', audience?.cgroup ?? ''),
  };
}

/** Null if it is not set. */
export function parseCgroup(field: string, cgroup: string): string | null {
  if (cgroup === '') return null;
  if (!cgroup.startsWith('/')) {
    throw invalid(`${field} is ${JSON.stringify(cgroup)}; it must begin with '/'`);
  }
  if (cgroup.length > MAX_CGROUP_LENGTH) {
    throw invalid(
      `${field} is ${cgroup.length} characters long; the limit is ${MAX_CGROUP_LENGTH}`,
    );
  }
  return cgroup;
}

/** Milliseconds, rounded up, so that more than nothing is never nothing. Null if it is not set. */
export function parseTimeToLive(
  duration: { readonly seconds: string; readonly nanos: number } | null,
): number | null {
  if (duration === null) return null;
  const { seconds, nanos } = duration;
  const ms = Number(seconds) * SECOND_MS + Math.ceil(nanos / NANOS_PER_MS);
  const isProper = nanos >= 0 && nanos < SECOND_MS * NANOS_PER_MS && Number(seconds) >= 0;
  // google.protobuf.Duration: at most 10,000 years.
  if (isProper && ms > 0 && Number(seconds) <= 315_576_000_000) return ms;
  throw invalid(
    `time_to_live is ${seconds} s and ${nanos} ns; it must be more than 0 and at most 315576000000 s`,
  );
}

/** Null for 0, which is no limit. */
export function parseMaxUses(value: number): number | null {
  return value === 0 ? null : value;
}

export interface PageRequest {
  /** Ids above this. */
  readonly after: number;
  readonly count: number;
}

export function parsePage(pageSize: number, pageToken: string): PageRequest {
  if (pageSize > MAX_PAGE_SIZE) {
    throw invalid(`page_size is ${pageSize}; it must be 0 to ${MAX_PAGE_SIZE}`);
  }
  const count = pageSize === 0 ? DEFAULT_PAGE_SIZE : pageSize;
  if (pageToken === '') return { after: 0, count };
  const after = Number(pageToken);
  if (!/^[1-9]\d{0,15}$/.test(pageToken) || !Number.isSafeInteger(after)) {
    throw invalid(
      `page_token is ${JSON.stringify(pageToken.slice(0, 40))}; it must be empty or a next_page_token`,
    );
  }
  return { after, count };
}
