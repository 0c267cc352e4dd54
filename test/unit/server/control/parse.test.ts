import {
  parseAccess,
  parseAudience,
  parseId,
  parseMode,
  parsePage,
  parseSize,
  parseTimeToLive,
} from '../../../../server/control/parse';
import { refusal } from '../domain/fakes';

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
});
