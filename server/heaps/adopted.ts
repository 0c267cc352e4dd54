/**
 * Takes in an fd that a client brought. It is believed only as far as the kernel vouches for it: a dma-buf, or a memfd
 * that is sealed against shrinking, since one that can be cut makes every reader's mapping fault.
 */
import type { Fd, FdDescription } from '../../native';
import { DomainError } from '../domain/errors';
import { readFdinfo } from './fdinfo';
import { type KernelCalls, KernelMemory } from './kernel-memory';

/** F_SEAL_SHRINK of linux/fcntl.h. */
const SEAL_SHRINK = 2;

const NOBODY: ReadonlySet<number> = new Set();

export interface Adopted {
  readonly memory: KernelMemory;
  /** The dma-buf's exporter as fdinfo has it; `memfd` for a memfd. */
  readonly exporter: string;
}

/** Takes the fd over, also when it throws. INVALID_ARGUMENT says what was given instead. */
export function takeIn(addon: KernelCalls, fd: Fd): Adopted {
  try {
    const found = addon.describeFd(fd);
    const kind = checkKind(found);
    const access = found.access === 'read-only' ? 'read' : 'read-write';
    const exporter = kind === 'memfd' ? 'memfd' : (readFdinfo(fd).get('exp_name') ?? '');
    // A dma-buf's read-only fd cannot be made a writable one; a client's memfd is the client's to open again.
    const readOnlyDefeatedBy = kind === 'dma-buf' && access === 'read' ? NOBODY : null;
    const memory = new KernelMemory(addon, { fd, kind, access, readOnlyDefeatedBy });
    return { memory, exporter };
  } catch (error) {
    // Off the event loop: it may be the last fd of a huge memory.
    void addon.closeFd(fd);
    throw error;
  }
}

function checkKind({ kind, access, seals }: FdDescription): 'dma-buf' | 'memfd' {
  if (access === 'write-only') {
    throw refusal('it was opened write-only, and nobody could map it');
  }
  if (kind === 'dma-buf') return kind;
  if (kind !== 'memfd') {
    throw refusal(kind === 'sync-file' ? 'it is a sync_file' : 'it is another kind of file');
  }
  if ((seals & SEAL_SHRINK) === 0) {
    throw refusal('it is a memfd without F_SEAL_SHRINK, which could be cut under its readers');
  }
  return kind;
}

function refusal(given: string): DomainError {
  return new DomainError(
    'invalid-argument',
    `the fd must be a dma-buf, or a memfd sealed with F_SEAL_SHRINK, opened for reading: ${given}`,
  );
}
