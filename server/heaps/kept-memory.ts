/** Memory that an earlier process of the daemon had: the same kernel object, or none. */
import type { Fd } from '../../native';
import type { BufferFact } from '../domain/facts';
import { takeIn } from './adopted';
import { type KernelCalls, KernelMemory } from './kernel-memory';
import { memfdMemory } from './memfd';

/** Takes the fd over. Throws if it is not of the kernel object that the fact names. */
export function resumeMemory(addon: KernelCalls, fd: Fd, fact: BufferFact): KernelMemory {
  const found = describe(addon, fd);
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
  if (isOfSize(memory, fact)) return memory;
  void memory.close();
  throw new Error(`the memory has ${memory.sizeBytes} bytes, and not ${fact.sizeBytes}`);
}

function describe(addon: KernelCalls, fd: Fd) {
  try {
    return addon.describeFd(fd);
  } catch (error) {
    void addon.closeFd(fd);
    throw error;
  }
}

/** Whoever may write a client's memfd can make it larger, and never smaller: it is sealed against that. */
function isOfSize({ sizeBytes }: KernelMemory, fact: BufferFact): boolean {
  if (sizeBytes === fact.sizeBytes) return true;
  const mayGrow = fact.origin === 'adopted' && fact.kind === 'memfd';
  return mayGrow && (sizeBytes ?? 0) > (fact.sizeBytes ?? 0);
}

function open(addon: KernelCalls, fd: Fd, { origin, kind }: BufferFact): KernelMemory {
  if (origin === 'adopted') return takeIn(addon, fd).memory;
  if (kind === 'memfd') return memfdMemory(addon, fd);
  return new KernelMemory(addon, { fd, kind, access: 'read-write', readOnlyDefeatedBy: null });
}
