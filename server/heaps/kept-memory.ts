/** Memory that an earlier process of the daemon had: the same kernel object, or none. */
import type { Fd, NativeAddon } from '../../native';
import type { BufferFact } from '../domain/facts';
import { takeIn } from './adopted';
import { KernelMemory } from './kernel-memory';
import { memfdMemory } from './memfd';

/** Takes the fd over. Throws if it is not of the kernel object that the fact names. */
export function resumeMemory(addon: NativeAddon, fd: Fd, fact: BufferFact): KernelMemory {
  const found = addon.describeFd(fd);
  const isSame =
    found.kind === fact.kind && found.inode === fact.inode && found.device === fact.device;
  if (!isSame) {
    void addon.closeFd(fd);
    const [is, wanted] = [found, fact].map(
      ({ kind, device, inode }) => `${kind} ${device}:${inode}`,
    );
    throw new Error(`the fd is of ${is}, and not of ${wanted}`);
  }
  const memory = open(addon, fd, fact);
  if (memory.sizeBytes === fact.sizeBytes) return memory;
  void memory.close();
  throw new Error(`the memory has ${memory.sizeBytes} bytes, and not ${fact.sizeBytes}`);
}

function open(addon: NativeAddon, fd: Fd, { origin, kind }: BufferFact): KernelMemory {
  if (origin === 'adopted') return takeIn(addon, fd).memory;
  if (kind === 'memfd') return memfdMemory(addon, fd);
  return new KernelMemory(addon, { fd, kind, access: 'read-write', readOnlyDefeatedBy: null });
}
