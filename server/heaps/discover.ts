/**
 * All the heaps of this machine, probed, usable ones first and the default first of all: the system heap, any other
 * dma-heap, udmabuf, and memfd only where the kernel offers no dma-buf.
 */
import type { NativeAddon } from '../../native';
import type { Heap, HeapDescription } from '../domain/ports';
import { asAnswer } from '../system-error';
import { dmaHeaps } from './dma-heap';
import type { HeapDriver } from './driver';
import { memfdHeap } from './memfd';
import { readPageSize, roundUpToPages } from './page-size';
import { probe } from './probe';
import { udmabufHeaps } from './udmabuf';

const RANK = { 'dma-heap': 1, udmabuf: 2, memfd: 3 } as const;

function rank({ name, kind, unavailableReason }: HeapDescription): number {
  const preference = name === 'system' && kind === 'dma-heap' ? 0 : RANK[kind];
  return unavailableReason === null ? preference : preference + Object.keys(RANK).length + 1;
}

export async function discoverHeaps(addon: NativeAddon): Promise<Heap[]> {
  const pageBytes = readPageSize();
  const drivers = [...dmaHeaps(addon), ...udmabufHeaps(addon), memfdHeap(addon)];
  const heaps = await Promise.all(
    drivers.map(async (driver) => offer(driver, await probe(addon, driver, pageBytes), pageBytes)),
  );
  return heaps.sort((a, b) => rank(a.description) - rank(b.description));
}

function offer(driver: HeapDriver, description: HeapDescription, pageBytes: number): Heap {
  return {
    description,
    roundUp: (sizeBytes) => roundUpToPages(sizeBytes, pageBytes),
    async allocate({ sizeBytes, label }) {
      try {
        return await driver.allocate(roundUpToPages(sizeBytes, pageBytes), label);
      } catch (error) {
        throw asAnswer(error, `heap ${driver.name} could not give ${sizeBytes} bytes`);
      }
    },
  };
}
