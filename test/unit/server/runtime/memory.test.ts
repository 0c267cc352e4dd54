import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { keepHeapsSmall } from '../../../../server/runtime/memory';

describe('the memory of a daemon', () => {
  test('that lies free in the heap of the C library goes back to the kernel', () => {
    const said = execFileSync(process.execPath, [join(__dirname, 'free-much.js')], {
      encoding: 'utf8',
    });
    const { before, after, hasGivenBack } = JSON.parse(said);
    expect(hasGivenBack).toBe(true);
    // Of 20 MB that were let go of.
    expect(before - after).toBeGreaterThan(10_000);
  });

  test('is given back again and again, and one time after the other', async () => {
    jest.useFakeTimers();
    try {
      const done: (() => void)[] = [];
      const trimMalloc = jest.fn(
        () => new Promise<boolean>((resolve) => done.push(() => resolve(true))),
      );
      keepHeapsSmall({ trimMalloc });
      await jest.advanceTimersByTimeAsync(60_000);
      expect(trimMalloc).toHaveBeenCalledTimes(1);
      done[0]?.();
      await jest.advanceTimersByTimeAsync(60_000);
      expect(trimMalloc).toHaveBeenCalledTimes(2);
    } finally {
      jest.useRealTimers();
    }
  });
});
