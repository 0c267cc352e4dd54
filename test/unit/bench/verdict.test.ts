import type { Figure, Goal } from '../../../bench/figure';
import { formatGoal, formatRatio } from '../../../bench/report/markdown';
import { drawGoals } from '../../../bench/report/plots';
import { judge } from '../../../bench/report/verdict';
import { fitLine, quantile } from '../../../bench/statistics';

const figure = (goal: Goal, more: Partial<Figure> = {}): Figure => ({
  name: 'FETCH & hold',
  baseline: 'a bare server',
  unit: 'µs',
  goal,
  rounds: 3,
  prepare: () => Promise.reject(new Error('nothing is measured here')),
  ...more,
});
const rounds = (...values: number[]) => values.map((value) => ({ value }));

describe('what a figure comes to', () => {
  test('is the median of the ratios of its rounds, and not the ratio of the medians', () => {
    const result = {
      figure: figure({ atMost: 2 }),
      ours: rounds(10, 30, 90),
      theirs: rounds(10, 10, 90),
    };
    expect(judge(result)).toMatchObject({ ratios: [1, 3, 1], ratio: 1, ours: 30, theirs: 10 });
  });

  test('is the value itself where there is no baseline', () => {
    const withoutBaseline = figure({ atMost: 1 }, { baseline: null, unit: 'KiB' });
    const verdict = judge({ figure: withoutBaseline, ours: rounds(3, 1, 2), theirs: [] });
    expect(verdict).toMatchObject({ ratio: 2, theirs: null, isReached: false });
    expect(formatRatio(verdict)).toBe('2.00 KiB (1.00–3.00)');
    expect(formatGoal(verdict)).toBe('≤ 1 KiB');
  });

  test.each<[Goal, number, boolean]>([
    [{ atMost: 1.15 }, 1.15, true],
    [{ atMost: 1.15 }, 1.16, false],
    [{ atLeast: 10 }, 10, true],
    [{ atLeast: 10 }, 9.9, false],
  ])('reaches %j with %d: %s', (goal, ratio, isReached) => {
    const result = { figure: figure(goal), ours: rounds(ratio), theirs: rounds(1) };
    expect(judge(result)).toMatchObject({ isReached });
  });

  test.each<[Goal, number | undefined, number, boolean]>([
    [{ atMost: 1 }, 2, 2, true],
    [{ atMost: 1 }, 2, 2.1, false],
    [{ atLeast: 10 }, 5, 5, true],
    [{ atLeast: 10 }, 5, 4.9, false],
    [{ atMost: 1 }, undefined, 1e6, true],
  ])('with the goal %j and the limit %p, %d is within it: %s', (goal, limit, ratio, isWithin) => {
    const more = limit === undefined ? {} : { limit };
    const result = { figure: figure(goal, more), ours: rounds(ratio), theirs: rounds(1) };
    expect(judge(result)).toMatchObject({ isWithinLimit: isWithin });
  });

  test.each([
    ['a baseline of 0', rounds(1), rounds(0)],
    ['a program that measured nothing', rounds(Number.NaN), rounds(1)],
    ['no round at all', [], []],
  ])(
    'is nothing with %s, and so it is neither reached nor within its limit',
    (_what, ours, theirs) => {
      expect(() => judge({ figure: figure({ atMost: 1 }), ours, theirs })).toThrow();
    },
  );

  test('has the p99 of all rounds together where there are samples', () => {
    const sample = Float64Array.from({ length: 100 }, (_, i) => i);
    const slower = sample.map((value) => value + 100);
    const ours = [
      { value: 1, sample },
      { value: 1, sample: slower },
    ];
    const verdict = judge({ figure: figure({ atMost: 1 }), ours, theirs: rounds(1, 1) });
    expect(verdict).toMatchObject({ oursP99: 198, theirsP99: null });
  });
});

test('a quantile is a value of the sample, in whatever order that is', () => {
  expect([0, 0.5, 0.99, 1].map((part) => quantile([5, 1, 4, 2, 3], part))).toEqual([1, 3, 5, 5]);
});

test('a line is fitted to all points, and its error says whether it is one', () => {
  const straight = [0, 1, 3, 10].map((x) => ({ x, y: 5 + 2 * x }));
  expect(fitLine(straight)).toEqual({ slope: 2, standardError: 0 });
  const scattered = [4, -4, 4, -4, 4].map((y, x) => ({ x, y }));
  const { slope, standardError } = fitLine(scattered);
  expect(slope).toBe(0);
  expect(standardError).toBeGreaterThan(1);
});

test('a plot says what it shows to who cannot see it, and holds no markup of its names', () => {
  const ours = rounds(1);
  const drawn = drawGoals([judge({ figure: figure({ atMost: 1 }), ours, theirs: ours })]);
  expect(drawn).toMatch(/^<svg [^>]*>\n<title>[^<]+<\/title>/);
  expect(drawn).toContain('>FETCH &amp; hold<');
});
