/** Encodes what the daemon answers on fd.sock: the structs of proto/dmabufd_fd.h, little-endian. */
import { BUFFER_BYTES, Flag } from '../../proto/fd-numbers';
import type { Access } from '../domain/access';
import type { MemoryKind } from '../domain/ports';

const MAX_REASON_BYTES = 1024;

export const EMPTY = new Uint8Array(0);

/** What a lease allows, and whether the buffer is a dma-buf. */
export function encodeFlags(access: Access, memory: MemoryKind): number {
  const rights = access === 'read-write' ? Flag.READ | Flag.WRITE : Flag.READ;
  return memory === 'dma-buf' ? rights | Flag.IS_DMA_BUF : rights;
}

/** struct dmabufd_fd_buffer. */
export function encodeBuffer(
  bufferId: number,
  sizeBytes: number | null,
  flags: number,
): Uint8Array {
  const bytes = new Uint8Array(BUFFER_BYTES);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(bufferId), true);
  view.setBigUint64(8, BigInt(sizeBytes ?? 0), true);
  view.setUint32(16, flags, true);
  return bytes;
}

/** A reason as UTF-8, cut where a datagram would become unwieldy. */
export function encodeReason(reason: string): Uint8Array {
  const bytes = new Uint8Array(MAX_REASON_BYTES);
  // encodeInto never cuts a character in half.
  const { written } = new TextEncoder().encodeInto(reason, bytes);
  return bytes.subarray(0, written);
}
