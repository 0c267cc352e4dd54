/**
 * Finds out what a heap can do on this kernel by doing it: a page is allocated, measured, synced, fenced, named, mapped
 * and closed. A heap is offered with what worked and nothing else.
 */
import { closeSync, openSync } from 'node:fs';
import type { NativeAddon } from '../../native';
import type { HeapCapability, HeapDescription } from '../domain/ports';
import { describeError } from '../system-error';
import type { HeapDriver } from './driver';
import { readFdinfo } from './fdinfo';
import type { KernelMemory } from './kernel-memory';

const PROBE_LABEL = 'dmabufd-probe';

/** Never rejects: a heap that fails says so in its description. */
export async function probe(
  addon: NativeAddon,
  driver: HeapDriver,
  pageBytes: number,
): Promise<HeapDescription> {
  const { name, kind, memory, maxBufferBytes } = driver;
  const described = { name, kind, memory, maxBufferBytes };
  try {
    const page = await driver.allocate(pageBytes, PROBE_LABEL);
    try {
      const capabilities = await findCapabilities(addon, page, pageBytes);
      return { ...described, capabilities, unavailableReason: null };
    } finally {
      await page.close();
    }
  } catch (error) {
    return { ...described, capabilities: [], unavailableReason: describeError(error) };
  }
}

async function findCapabilities(
  addon: NativeAddon,
  page: KernelMemory,
  pageBytes: number,
): Promise<HeapCapability[]> {
  const trials: readonly (readonly [HeapCapability, () => boolean | Promise<boolean>])[] = [
    ['size', () => page.sizeBytes === pageBytes],
    ['sync', () => canSync(page)],
    ['fences', () => canFence(page)],
    ['names', () => readFdinfo(page.fdFor('read-write')).get('name') === PROBE_LABEL],
    ['read-only-fd', () => refusesWriting(addon, page, pageBytes)],
  ];
  const found: HeapCapability[] = [];
  for (const [capability, works] of trials) {
    if (await works()) found.push(capability);
  }
  return found;
}

async function canSync(page: KernelMemory): Promise<boolean> {
  if (page.kind !== 'dma-buf') return false;
  try {
    if (!(await page.beginCpuAccess('read-write'))) return false;
    await page.endCpuAccess('read-write');
    return true;
  } catch {
    return false;
  }
}

function canFence(page: KernelMemory): boolean {
  if (page.kind !== 'dma-buf') return false;
  try {
    const syncFile = page.exportFence('read-write');
    try {
      page.importFence('read', syncFile);
      return true;
    } finally {
      syncFile.close();
    }
  } catch {
    return false;
  }
}

/**
 * Whether the fd of a read lease maps no writable page and cannot be opened again for writing. Where the daemon is root, the
 * second always works for itself, and the heap claims nothing.
 */
function refusesWriting(addon: NativeAddon, page: KernelMemory, pageBytes: number): boolean {
  const readOnly = page.fdFor('read');
  if (readOnly === page.fdFor('read-write')) return false;
  try {
    addon.map(readOnly, pageBytes, 'read-write').unmap();
    return false;
  } catch {
    return !canOpenForWriting(readOnly.number);
  }
}

function canOpenForWriting(fd: number): boolean {
  try {
    closeSync(openSync(`/proc/self/fd/${fd}`, 'r+'));
    return true;
  } catch {
    return false;
  }
}
