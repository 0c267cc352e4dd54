/** What somebody is going to do with a buffer, in the words of the kernel and of the contract. */
import { DmaBufSync } from '../native';

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
