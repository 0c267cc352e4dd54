/** What /proc/self/fdinfo tells of a dma-buf: its exporter and its name. */
import { readFileSync } from 'node:fs';
import type { Fd } from '../../native';

export function readFdinfo(fd: Fd): ReadonlyMap<string, string> {
  const entries = new Map<string, string>();
  for (const line of readFileSync(`/proc/self/fdinfo/${fd.number}`, 'utf8').split('\n')) {
    const colon = line.indexOf(':');
    if (colon > 0) entries.set(line.slice(0, colon), line.slice(colon + 1).trim());
  }
  return entries;
}
