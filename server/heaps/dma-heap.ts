/** The heaps of /dev/dma_heap: whatever nodes this kernel and board offer (linux/dma-heap.h). */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { NativeAddon } from '../../native';
import { nameDmaBuf } from './dma-buf-name';
import type { HeapDriver } from './driver';
import { KernelMemory } from './kernel-memory';

const DIRECTORY = '/dev/dma_heap';

/** One driver for each node; none where the kernel has no dma-heaps. */
export function dmaHeaps(addon: NativeAddon, directory = DIRECTORY): HeapDriver[] {
  return nodesOf(directory).map((name) => ({
    name,
    kind: 'dma-heap',
    memory: 'dma-buf',
    maxBufferBytes: null,
    async allocate(sizeBytes, label) {
      const fd = await addon.allocateFromDmaHeap(join(directory, name), sizeBytes);
      nameDmaBuf(addon, fd, label);
      const access = 'read-write';
      return new KernelMemory(addon, { fd, kind: 'dma-buf', access, readOnlyDefeatedBy: null });
    },
  }));
}

function nodesOf(directory: string): string[] {
  try {
    return readdirSync(directory).sort();
  } catch {
    return [];
  }
}
