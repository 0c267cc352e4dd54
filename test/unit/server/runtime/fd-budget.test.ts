import { planFds, planFdsInFlight } from '../../../../server/runtime/fd-budget';

describe('the fds of the daemon', () => {
  test('are plenty under systemd', () => {
    expect(planFds(524_288, 1, {})).toEqual({ maxSessions: 1024, maxBuffers: 16_384 });
  });

  test('are shared between sessions and buffers where they are few', () => {
    expect(planFds(4096, 1, {})).toEqual({ maxSessions: 320, maxBuffers: 1920 });
    expect(planFds(4096, 2, {})).toEqual({ maxSessions: 320, maxBuffers: 960 });
    expect(planFds(1024, 2, { maxSessions: 10 })).toEqual({ maxSessions: 10, maxBuffers: 354 });
  });

  test('are never planned beyond the limit', () => {
    const { maxSessions, maxBuffers } = planFds(8192, 1, {
      maxSessions: 60_000,
      maxBuffers: 60_000,
    });
    expect(maxSessions * 6 + maxBuffers).toBeLessThanOrEqual(8192);
  });

  test('are as many as are asked for where there are more', () => {
    expect(planFds(524_288, 1, { maxSessions: 5, maxBuffers: 7 })).toEqual({
      maxSessions: 5,
      maxBuffers: 7,
    });
  });

  test('are on their way to one account up to a quarter of the limit, or as many as one answer has', () => {
    expect(planFdsInFlight(524_288)).toBe(131_072);
    expect(planFdsInFlight(256)).toBe(253);
  });
});
