/** The figures as a table that a person reads. */
import type { Verdict } from './verdict';

export function formatTable(verdicts: readonly Verdict[]): string {
  const rows = verdicts.map((verdict) => [
    verdict.name,
    verdict.baseline ?? '',
    withTail(verdict.ours, verdict.oursP99, verdict.unit),
    verdict.theirs === null ? '' : withTail(verdict.theirs, verdict.theirsP99, verdict.unit),
    formatRatio(verdict),
    formatGoal(verdict),
    verdict.isReached ? 'yes' : '**no**',
  ]);
  const head = [
    'figure',
    'baseline in the same run',
    'dmabufd',
    'baseline',
    'ratio (least–most of the rounds)',
    'to reach',
    'reached',
  ];
  return formatRows(head, rows);
}

export function formatRows(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
  return `${lines.join('\n')}\n`;
}

/** As many digits as there is anything behind. */
export function formatNumber(value: number): string {
  if (value >= 1000) return Math.round(value).toLocaleString('en');
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

function withTail(value: number, p99: number | null, unit: string): string {
  const text = `${formatNumber(value)} ${unit}`;
  return p99 === null ? text : `${text} (p99 ${formatNumber(p99)})`;
}

export function formatRatio({ baseline, ratio, ratios, unit }: Verdict): string {
  const [least, most] = [Math.min(...ratios), Math.max(...ratios)];
  const suffix = baseline === null ? ` ${unit}` : 'x';
  return `${formatNumber(ratio)}${suffix} (${formatNumber(least)}–${formatNumber(most)})`;
}

export function formatGoal({ goal, baseline, unit }: Verdict): string {
  const suffix = baseline === null ? ` ${unit}` : 'x';
  return 'atMost' in goal ? `≤ ${goal.atMost}${suffix}` : `≥ ${goal.atLeast}${suffix}`;
}
