/** What somebody is going to do with a buffer, in the words of the kernel and of the contract. */
import { DmaBufSync } from '../native';
import { DmabufdError } from './errors';

/** What the CPU is going to do. Reading shares the buffer with other readers; writing has it alone. */
export type AccessMode = 'read' | 'write' | 'read-write';

/** DMA_BUF_SYNC_READ, WRITE and RW of linux/dma-buf.h. */
export const MODE_FLAGS: Readonly<Record<AccessMode, number>> = {
  read: DmaBufSync.READ,
  write: DmaBufSync.WRITE,
  'read-write': DmaBufSync.RW,
};

/** CpuAccessMode of access.proto. */
export const MODE_NAMES = {
  read: 'CPU_ACCESS_MODE_READ',
  write: 'CPU_ACCESS_MODE_WRITE',
  'read-write': 'CPU_ACCESS_MODE_READ_WRITE',
} as const;

/** INVALID_ARGUMENT for what no {@link AccessMode} is, which the compiler keeps only from callers in TypeScript. */
export function requireMode(mode: AccessMode): void {
  if (Object.hasOwn(MODE_FLAGS, mode)) return;
  const known = Object.keys(MODE_FLAGS).join(', ');
  throw new DmabufdError('INVALID_ARGUMENT', `mode: ${String(mode)}: must be one of ${known}`);
}
