/**
 * memfd_create(2): real shared memory on any Linux, but no dma-buf. It is sealed against being resized, so that no
 * holder can cut it under another. Its mode has no write bits, so that a read-only fd of it can be opened for
 * writing again (through /proc/self/fd) only by its owner, who may change the mode, and by root.
 *
 * Writers are handed another open file of it than the one that the daemon keeps for itself, and which must be opened
 * before the mode forbids that: whether anybody else still has the memfd open can then be asked of the kernel.
 */
import { fchmodSync } from 'node:fs';
import { geteuid } from 'node:process';
import type { Fd, NativeAddon } from '../../native';
import type { HeapDriver } from './driver';
import { type KernelCalls, KernelMemory } from './kernel-memory';

const READABLE_ONLY = 0o444;
const OWNERS_ONLY = 0o600;

/** Who may change the mode of a memfd that the daemon has made. */
const READ_ONLY_DEFEATED_BY: ReadonlySet<number> = new Set([0, geteuid?.() ?? 0]);

export function memfdHeap(addon: NativeAddon): HeapDriver {
  return {
    name: 'memfd',
    kind: 'memfd',
    memory: 'memfd',
    maxBufferBytes: null,
    async allocate(sizeBytes, label) {
      const fd = await addon.createMemfd(label === '' ? 'dmabufd' : label, sizeBytes);
      return memfdMemory(addon, fd);
    },
  };
}

/** The memory of a memfd that the daemon made, now or in an earlier process. Takes the fd over. */
export function memfdMemory(addon: KernelCalls, fd: Fd): KernelMemory {
  const writerFd = openForWriters(addon, fd);
  return new KernelMemory(addon, {
    fd,
    writerFd,
    kind: 'memfd',
    access: 'read-write',
    readOnlyDefeatedBy: READ_ONLY_DEFEATED_BY,
  });
}

function openForWriters(addon: KernelCalls, fd: Fd): Fd {
  try {
    fchmodSync(fd.number, OWNERS_ONLY);
    const writerFd = addon.reopen(fd, 'read-write');
    fchmodSync(fd.number, READABLE_ONLY);
    return writerFd;
  } catch (error) {
    fd.close();
    throw error;
  }
}
