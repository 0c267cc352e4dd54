import fc from 'fast-check';
import {
  parseAccess,
  parseAudience,
  parseId,
  parseMode,
  parsePage,
  parseSize,
  parseTimeToLive,
} from '../../../../server/control/parse';
import { DomainError } from '../../../../server/domain/errors';
import { refusal } from '../domain/fakes';

const uint64 = fc.oneof(
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  fc.bigInt({ min: 2n ** 53n - 4n, max: 2n ** 53n + 4n }),
  fc.bigInt({ min: 0n, max: 4n }),
);

/** Anything else than a refusal is thrown on. */
function orRefused<T>(parse: () => T): T | 'refused' {
  try {
    return parse();
  } catch (error) {
    if (error instanceof DomainError) return 'refused';
    throw error;
  }
}

describe('the fields of a request', () => {
  test.each([
    [() => parseId('buffer_id', '0'), 'buffer_id is 0; ids begin at 1'],
    [
      () => parseSize('size_bytes', '9007199254740993'),
      'size_bytes is 9007199254740993; it must be 1 to 9007199254740991',
    ],
    [
      () => parseMode('CPU_ACCESS_MODE_UNSPECIFIED'),
      'mode is CPU_ACCESS_MODE_UNSPECIFIED; it must be READ (1), WRITE (2) or READ_WRITE (3)',
    ],
    [() => parseMode(9), 'mode is 9; it must be READ (1), WRITE (2) or READ_WRITE (3)'],
    [() => parseAccess(7), 'access is 7; it must be UNSPECIFIED (0), READ (1) or READ_WRITE (2)'],
    [() => parseAudience({ cgroup: 'a' }), 'audience.cgroup is "a"; it must begin with \'/\''],
    [
      () => parseTimeToLive({ seconds: '0', nanos: 0 }),
      'time_to_live is 0 s and 0 ns; it must be more than 0 and at most 315576000000 s',
    ],
    [
      () => parseTimeToLive({ seconds: '1', nanos: -1 }),
      'time_to_live is 1 s and -1 ns; it must be more than 0 and at most 315576000000 s',
    ],
    [() => parsePage(1001, ''), 'page_size is 1001; it must be 0 to 1000'],
    [() => parsePage(0, '0x10'), 'page_token is "0x10"; it must be empty or a next_page_token'],
  ])('are refused by name, value and limit (%#)', async (parse, message) => {
    expect(await refusal(parse)).toBe(`invalid-argument: ${message}`);
  });

  test('that hold an id beyond what a double can tell apart hit no other id', async () => {
    const parse = () => parseId('buffer_id', '9007199254740993');
    expect(await refusal(parse)).toBe(
      'not-found: buffer_id is 9007199254740993, which was never given',
    );
  });

  test('that hold the shortest time are no time of 0', () => {
    expect(parseTimeToLive({ seconds: '0', nanos: 1 })).toBe(1);
  });

  test('that are not set mean what the contract says', () => {
    expect(parseAccess('ACCESS_UNSPECIFIED')).toBeNull();
    expect(parseAudience(null)).toEqual({ uid: null, gid: null, cgroup: null });
    expect(parsePage(0, '')).toEqual({ after: 0, count: 100 });
    expect(parseTimeToLive(null)).toBeNull();
  });

  test('tell uid 0 from no uid', () => {
    expect(parseAudience({ uid: 0, cgroup: '' }).uid).toBe(0);
  });

  test('that hold an id hit that id and no other, over all of uint64', () => {
    fc.assert(
      fc.property(uint64, (id) => {
        const parsed = orRefused(() => parseId('buffer_id', String(id)));
        const isGivable = id >= 1n && id <= BigInt(Number.MAX_SAFE_INTEGER);
        expect(parsed).toBe(isGivable ? Number(id) : 'refused');
      }),
    );
  });

  test('that hold a size hold it to the byte, over all of uint64', () => {
    fc.assert(
      fc.property(uint64, (size) => {
        const parsed = orRefused(() => parseSize('size_bytes', String(size)));
        expect(parsed).toBe(size <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(size) : 'refused');
      }),
    );
  });

  test('that hold a duration never shorten it, and take only a proper one above 0', () => {
    const nanos = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
    fc.assert(
      fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), nanos, (seconds, more) => {
        const duration = { seconds: String(seconds), nanos: more };
        const ms = orRefused(() => parseTimeToLive(duration));
        const isProper = seconds >= 0n && seconds <= 315_576_000_000n && more >= 0 && more < 1e9;
        if (!isProper || (seconds === 0n && more === 0)) return expect(ms).toBe('refused');
        expect(ms).toBe(Number(seconds) * 1000 + Math.ceil(more / 1e6));
      }),
    );
  });

  test('that hold a page token take one that was given, and refuse any other text', () => {
    fc.assert(
      fc.property(fc.nat(2000), fc.oneof(uint64.map(String), fc.string()), (size, token) => {
        const page = orRefused(() => parsePage(size, token));
        if (page === 'refused') return;
        expect(size).toBeLessThanOrEqual(1000);
        expect(token === '' ? '0' : token).toBe(String(page.after));
        expect(Number.isSafeInteger(page.after)).toBe(true);
      }),
    );
  });
});
