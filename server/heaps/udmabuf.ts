/** /dev/udmabuf: a dma-buf made of the pages of a memfd, for machines whose kernel has no dma-heap for us. */
import { existsSync, readFileSync } from 'node:fs';
import type { NativeAddon } from '../../native';
import { nameDmaBuf } from './dma-buf-name';
import type { HeapDriver } from './driver';
import { KernelMemory } from './kernel-memory';

const NODE = '/dev/udmabuf';
const SIZE_LIMIT = '/sys/module/udmabuf/parameters/size_limit_mb';
const BYTES_PER_MB = 1024 * 1024;

/** None where the kernel has no udmabuf. */
export function udmabufHeaps(addon: NativeAddon, node = NODE): HeapDriver[] {
  if (!existsSync(node)) return [];
  return [
    {
      name: 'udmabuf',
      kind: 'udmabuf',
      memory: 'dma-buf',
      maxBufferBytes: readSizeLimit(),
      async allocate(sizeBytes, label) {
        const fd = await addon.createUdmabuf(sizeBytes);
        nameDmaBuf(addon, fd, label);
        const access = 'read-write';
        return new KernelMemory(addon, { fd, kind: 'dma-buf', access, readOnlyDefeatedBy: null });
      },
    },
  ];
}

/** The module's own limit, in bytes; null if it does not say. */
function readSizeLimit(): number | null {
  try {
    const megabytes = Number.parseInt(readFileSync(SIZE_LIMIT, 'utf8'), 10);
    return megabytes > 0 ? megabytes * BYTES_PER_MB : null;
  } catch {
    return null;
  }
}
