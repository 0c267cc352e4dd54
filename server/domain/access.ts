/** What a lease allows, and in which direction a CPU access goes. */

export type Access = 'read' | 'read-write';

/** DMA_BUF_SYNC_READ, WRITE and RW of linux/dma-buf.h. */
export type CpuAccessMode = 'read' | 'write' | 'read-write';

export function writes(mode: CpuAccessMode): boolean {
  return mode !== 'read';
}

export function widerAccess(a: Access, b: Access): Access {
  return a === 'read-write' || b === 'read-write' ? 'read-write' : 'read';
}

export function narrowerAccess(a: Access, b: Access): Access {
  return a === 'read' || b === 'read' ? 'read' : 'read-write';
}

/** Whether somebody who has `held` may give or use `wanted`. */
export function includesAccess(held: Access, wanted: Access): boolean {
  return held === 'read-write' || wanted === 'read';
}
