import { CallLimits, pause, waitWithin } from '../../../client/call-limits';
import { DmabufdError } from '../../../client/errors';

const never = (abandoned: () => void = () => {}) => ({
  what: 'waiting for Godot',
  start: () => abandoned,
});

describe('the limits of a call', () => {
  test.each([0, -1, Number.NaN])('refuse a timeout of %p', (timeoutMs) => {
    expect(() => new CallLimits({ timeoutMs })).toThrow(`timeoutMs: ${timeoutMs}: must be more`);
  });

  test('end a wait at the deadline, once, and say what was waited for', async () => {
    const abandoned = jest.fn();
    const wait = waitWithin({ limits: new CallLimits({ timeoutMs: 5 }), ...never(abandoned) });
    await expect(wait).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
      message: 'waiting for Godot: not done within 5 ms',
    });
    expect(abandoned).toHaveBeenCalledTimes(1);
  });

  test('end a wait by the signal, with its reason as the cause', async () => {
    const controller = new AbortController();
    const wait = waitWithin({ limits: new CallLimits(controller), ...never() });
    controller.abort('enough');
    await expect(wait).rejects.toMatchObject({ code: 'CANCELLED', cause: 'enough' });
  });

  test('pass on a reason that is an error of ours', async () => {
    const reason = new DmabufdError('FAILED_PRECONDITION', 'released');
    const wait = waitWithin({
      limits: new CallLimits(),
      ...never(),
      signals: [AbortSignal.abort(reason)],
    });
    await expect(wait).rejects.toBe(reason);
  });

  test('do not begin what is over already', async () => {
    const start = jest.fn(() => () => {});
    const limits = new CallLimits({ signal: AbortSignal.abort() });
    await expect(waitWithin({ limits, what: 'it', start })).rejects.toMatchObject({
      code: 'CANCELLED',
    });
    expect(start).not.toHaveBeenCalled();
  });

  test('end each wait at its own deadline, whichever began first', async () => {
    const ended: number[] = [];
    const wait = (timeoutMs: number) =>
      waitWithin({ limits: new CallLimits({ timeoutMs }), ...never() }).catch(() => {
        ended.push(timeoutMs);
      });
    const still = new AbortController();
    const longest = waitWithin({
      limits: new CallLimits({ timeoutMs: Number.MAX_VALUE, signal: still.signal }),
      ...never(),
    });
    await Promise.all([60, 5, 30, 5].map(wait));
    expect(ended).toEqual([5, 5, 30, 60]);
    still.abort();
    await expect(longest).rejects.toMatchObject({ code: 'CANCELLED' });
  });

  test('keep the process alive while something is waited for, and no longer', async () => {
    const timers = () =>
      process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
    const before = timers();
    const wait = async () => {
      const waiting = new AbortController();
      const wait = waitWithin({ limits: new CallLimits(waiting), ...never() });
      expect(timers()).toBe(before + 1);
      waiting.abort();
      await expect(wait).rejects.toMatchObject({ code: 'CANCELLED' });
      expect(timers()).toBe(before);
    };
    await wait();
    await wait();
  });

  test('leave no listener behind, however a wait ends', async () => {
    const { signal } = new AbortController();
    const remove = jest.spyOn(signal, 'removeEventListener');
    const add = jest.spyOn(signal, 'addEventListener');
    await pause(1, new CallLimits({ signal }), 'pausing');
    const late = pause(1000, new CallLimits({ signal, timeoutMs: 1 }), 'pausing');
    await expect(late).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    await waitWithin<void>({
      limits: new CallLimits({ signal }),
      what: 'at once',
      start: (resolve) => {
        resolve();
        return () => {};
      },
    });
    expect(remove.mock.calls.length).toBe(add.mock.calls.length);
  });
});
