/** What /proc/self/fdinfo tells of a dma-buf: its exporter and its name. */
import { readFileSync } from 'node:fs';
import type { Fd } from '../../native';

export function readFdinfo(fd: Fd): ReadonlyMap<string, string> {
  return parseFdinfo(readFileSync(`/proc/self/fdinfo/${fd.number}`, 'utf8'));
}

export function parseFdinfo(text: string): ReadonlyMap<string, string> {
  const entries = new Map<string, string>();
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':');
    const key = line.slice(0, Math.max(colon, 0));
    // The name comes last and is the client's choice, line feeds and all: what follows it is no field.
    if (key !== '' && !entries.has(key)) entries.set(key, line.slice(colon + 1).trim());
  }
  return entries;
}
