/** How one kernel interface gives memory: what dma-heap.ts, udmabuf.ts and memfd.ts each implement. */
import type { HeapKind, MemoryKind } from '../domain/ports';
import type { KernelMemory } from './kernel-memory';

export interface HeapDriver {
  /** As in ListHeaps. */
  readonly name: string;
  readonly kind: HeapKind;
  readonly memory: MemoryKind;
  /** Bytes; null where no limit is known. */
  readonly maxBufferBytes: number | null;
  /** The size is a multiple of the page size. */
  allocate(sizeBytes: number, label: string): Promise<KernelMemory>;
}
