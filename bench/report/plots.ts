/** The plots: how each figure stands to what is to be reached, and how long an fd takes. */
import type { Result } from '../figure';
import { quantile } from '../statistics';
import { formatGoal, formatNumber, formatRatio } from './markdown';
import { drawing, element, INK, line, logarithmic, PALETTE, text, ticks } from './svg';
import type { Verdict } from './verdict';

const WIDTH = 900;

/** Below 1 the goal is reached, whether it is a most or a least. */
function towardsGoal({ goal }: Verdict, ratio: number): number {
  return 'atMost' in goal ? ratio / goal.atMost : goal.atLeast / ratio;
}

/** Those that have a place on an axis. */
function powersOfTwo(x: (value: number) => number, left: number, right: number): number[] {
  const all = Array.from({ length: 21 }, (_, exponent) => 2 ** (exponent - 10));
  return all.filter((value) => x(value) >= left && x(value) <= right);
}

/** One row for each figure: a dot for the median of the rounds, a line from the least to the most. */
export function drawGoals(verdicts: readonly Verdict[]): string {
  const [rowHeight, top, left, right] = [26, 34, 470, WIDTH - 150];
  const all = verdicts.flatMap((verdict) =>
    verdict.ratios.map((ratio) => towardsGoal(verdict, ratio)),
  );
  const x = logarithmic(Math.min(0.4, ...all), Math.max(2.5, ...all), left, right);
  const height = top + rowHeight * verdicts.length + 30;
  const bottom = height - 26;
  const rows = verdicts.flatMap((verdict, index) => {
    const y = top + rowHeight * (index + 0.5);
    const marks = verdict.ratios.map((ratio) => x(towardsGoal(verdict, ratio)));
    const color = verdict.isReached ? PALETTE[2] : PALETTE[1];
    const middle = x(towardsGoal(verdict, verdict.ratio));
    return [
      text(left - 12, y + 4, verdict.name, 'end'),
      line(Math.min(...marks), y, Math.max(...marks), y, { stroke: color, 'stroke-width': 2 }),
      element('circle', { cx: middle, cy: y, r: 5, fill: color }),
      text(right + 12, y + 4, `${formatRatio(verdict).split(' (')[0]}, ${formatGoal(verdict)}`),
    ];
  });
  return drawing(
    'Each figure beside what is to be reached',
    WIDTH,
    height,
    text(x(1), top - 14, 'to reach', 'middle'),
    text(x(1) - 44, top - 14, '← better', 'end'),
    line(x(1), top - 8, x(1), bottom, { 'stroke-dasharray': '4 3' }),
    line(left, bottom, right, bottom),
    ...powersOfTwo(x, left, right).flatMap((times) => [
      line(x(times), bottom, x(times), bottom + 5),
      text(x(times), bottom + 20, `${times}`, 'middle'),
    ]),
    text(left - 34, bottom + 20, 'times as far as the goal', 'end'),
    ...rows,
  );
}

export interface Curve {
  readonly name: string;
  /** In µs. */
  readonly sample: ArrayLike<number>;
}

/** Which part of the requests was answered within which time. */
export function drawDistributions(curves: readonly Curve[]): string {
  const [height, top, bottom, left, right] = [360, 20, 310, 60, WIDTH - 20];
  const least = Math.min(...curves.map(({ sample }) => quantile(sample, 0)));
  const most = Math.max(...curves.map(({ sample }) => quantile(sample, 0.999)));
  const x = logarithmic(least, most, left, right);
  const y = (part: number) => bottom - (bottom - top) * part;
  const parts = Array.from({ length: 400 }, (_, i) => (i / 399) * 0.999);
  return drawing(
    'How long a client waits for an fd',
    WIDTH,
    height,
    ...[0, 0.5, 0.9, 1].flatMap((part) => [
      line(left, y(part), right, y(part), { 'stroke-opacity': 0.3 }),
      text(left - 8, y(part) + 4, `${part * 100} %`, 'end'),
    ]),
    ...ticks(least, most).flatMap((value) => [
      line(x(value), bottom, x(value), bottom + 5),
      text(x(value), bottom + 20, `${value}`, 'middle'),
    ]),
    text((left + right) / 2, bottom + 40, 'µs from the request to the fd', 'middle'),
    ...curves.flatMap(({ name, sample }, index) => {
      const color = PALETTE[index % PALETTE.length] ?? INK;
      const sorted = Float64Array.from(sample).sort();
      const points = parts.map((part) => {
        const value = sorted[Math.floor(part * sorted.length)] ?? least;
        return `${x(value).toFixed(1)},${y(part).toFixed(1)}`;
      });
      const place = top + 60 + 20 * index;
      return [
        element('polyline', {
          points: points.join(' '),
          fill: 'none',
          stroke: color,
          'stroke-width': 2,
        }),
        line(right - 260, place - 4, right - 235, place - 4, { stroke: color, 'stroke-width': 2 }),
        text(right - 228, place, name),
      ];
    }),
  );
}

/** All rounds' samples of one side. */
export function sampleOf(result: Result, side: 'ours' | 'theirs'): number[] {
  return result[side].flatMap(({ sample }) => (sample === undefined ? [] : [...sample]));
}

interface Series {
  readonly name: string;
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

/** To two digits, the second of which is even. */
function roundUp(value: number): number {
  const step = (2 * 10 ** Math.floor(Math.log10(value))) / 10;
  return Math.ceil(value / step) * step;
}

/** A small plot for each series, from 0, beside each other: they have nothing in common but what there is more and more of. */
export function drawSeries(over: string, all: readonly Series[]): string {
  const [wide, high, margin] = [WIDTH / 3, 210, 46];
  const plots = all.flatMap(({ name, points }, index) => {
    const left = (index % 3) * wide + margin;
    const top = Math.floor(index / 3) * high + 40;
    const [right, bottom] = [left + wide - margin - 16, top + high - 84];
    const most = roundUp(Math.max(...points.map(({ y }) => y)) * 1.05);
    const last = points.at(-1)?.x ?? 1;
    const x = (value: number) => left + ((right - left) * value) / last;
    const y = (value: number) => bottom - ((bottom - top) * value) / most;
    const path = points.map((point) => `${x(point.x).toFixed(1)},${y(point.y).toFixed(1)}`);
    return [
      text(left, top - 12, name),
      line(left, bottom, right, bottom),
      line(left, top, left, bottom),
      text(left - 6, bottom + 4, '0', 'end'),
      text(left - 6, top + 8, formatNumber(most), 'end'),
      text(right, bottom + 18, `${last.toLocaleString('en')} ${over}`, 'end'),
      element('polyline', {
        points: path.join(' '),
        fill: 'none',
        stroke: PALETTE[0],
        'stroke-width': 2,
      }),
      ...points.map((point) =>
        element('circle', { cx: x(point.x), cy: y(point.y), r: 3, fill: PALETTE[0] }),
      ),
    ];
  });
  const height = Math.ceil(all.length / 3) * high;
  return drawing(`What more and more ${over} cost`, WIDTH, height, ...plots);
}
