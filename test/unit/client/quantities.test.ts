import fc from 'fast-check';
import {
  formatAge,
  formatBytes,
  formatBytesExactly,
  parseCount,
  parseDuration,
  parseSize,
} from '../../../client/cli/quantities';

describe('a size', () => {
  test.each([
    ['0', 0],
    ['4096', 4096],
    ['64K', 65536],
    ['64 KiB', 65536],
    ['1.5MiB', 1572864],
    ['8M', 8388608],
    ['2GB', 2e9],
    ['1kB', 1000],
  ])('%s is %i bytes', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  test.each(['', 'x', '-1', '1e3', '0x10', '1Q', '1.', '.5', '4096 bytes', ' 1', '1k', 'K'])(
    '%j is none',
    (text) => {
      expect(() => parseSize(text)).toThrow('is no size: try');
    },
  );

  test.each(['1.5', '0.3K', '9007199254740992', '9999999G'])(
    '%s is no whole number of bytes',
    (text) => {
      expect(() => parseSize(text)).toThrow('is no whole number of bytes below 2^53');
    },
  );

  test('of whole bytes is read back as it was written', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }), (bytes) => {
        expect(parseSize(String(bytes))).toBe(bytes);
      }),
    );
  });

  test('is parsed or refused with a reason, never anything else', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          expect(Number.isSafeInteger(parseSize(text))).toBe(true);
        } catch (error) {
          expect(error).toMatchObject({ name: 'QuantityError' });
        }
      }),
    );
  });
});

describe('a duration', () => {
  test.each([
    ['500ms', 500],
    ['1.5s', 1500],
    ['60s', 60_000],
    ['5m', 300_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
    ['0', 0],
  ])('%s is %i ms', (text, milliseconds) => {
    expect(parseDuration(text)).toBe(milliseconds);
  });

  test.each(['', '10', 's', '-1s', '1w', '1 minute', 'constructor', '1toString'])(
    '%j is none',
    (text) => {
      expect(() => parseDuration(text)).toThrow('is no duration: try');
    },
  );
});

test('a count is a whole number', () => {
  expect(parseCount('17')).toBe(17);
  for (const text of ['', '-1', '1.5', '1e3', '9007199254740993']) {
    expect(() => parseCount(text)).toThrow('is no whole number');
  }
});

describe('what people read', () => {
  test.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [8294400, '7.9 MiB'],
    [1024 ** 2 - 1, '1.0 MiB'],
    [2 ** 40, '1.0 TiB'],
  ])('%i bytes are %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  test('exact bytes follow a rounded size', () => {
    expect(formatBytesExactly(8294400)).toBe('7.9 MiB (8294400)');
    expect(formatBytesExactly(12)).toBe('12 B');
  });

  test.each([
    [-5, '0 ms'],
    [12, '12 ms'],
    [3400, '3.4 s'],
    [300_000, '5 min'],
    [7 * 3_600_000, '7 h'],
    [12 * 86_400_000, '12 d'],
  ])('%i ms ago is %s', (milliseconds, text) => {
    expect(formatAge(milliseconds)).toBe(text);
  });
});
