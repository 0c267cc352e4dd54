/** debugfs' list of all dma-bufs of the machine (dma-buf.c, dma_buf_debug_show). */
import { readFileSync } from 'node:fs';

/** How many dma-bufs there are, in any process, mapping or device. */
export function countDmaBufs(): number {
  const total = /^Total (\d+) objects, \d+ bytes$/m.exec(bufinfo())?.[1];
  if (total === undefined) throw new Error('debugfs dma_buf/bufinfo does not end with its total');
  return Number(total);
}

export function bufinfo(): string {
  return readFileSync('/sys/kernel/debug/dma_buf/bufinfo', 'utf8');
}
