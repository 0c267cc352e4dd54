/** The daemon in one line, for `systemctl status`. */
import type { Totals } from '../domain/views';

const MEBIBYTE = 2 ** 20;

export function describeTotals({
  sessions,
  buffers,
  lingeringBuffers,
  chargedBytes,
}: Totals): string {
  const lingering = lingeringBuffers === 0 ? '' : `, and ${lingeringBuffers} that linger`;
  const held = `${count(buffers, 'buffer')}${lingering} (${(chargedBytes / MEBIBYTE).toFixed(1)} MiB)`;
  return `${count(sessions, 'session')}, ${held}`;
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}
