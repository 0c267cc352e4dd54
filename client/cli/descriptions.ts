/**
 * What several commands print of a buffer and a process.
 */
import type { BufferDescription, DaemonStatus, PeerDescription } from '../descriptions';
import { formatBytesExactly } from './quantities';

/** A buffer, one field a line. */
export function fieldsOfBuffer(buffer: BufferDescription): [string, string][] {
  return [
    ['buffer', String(buffer.id)],
    [
      'size',
      buffer.sizeBytes === null ? 'unknown to the kernel' : formatBytesExactly(buffer.sizeBytes),
    ],
    ['memory', memoryOf(buffer)],
    ['heap', `${buffer.heap} (${buffer.origin})`],
    ['label', buffer.label === '' ? '-' : buffer.label],
    ['inode', String(buffer.inode)],
    ['access', accessOf(buffer)],
  ];
}

/** `1234 (camera) uid 1000`, `not visible, uid 1000`. */
export function nameOfPeer(peer: PeerDescription | null): string {
  if (peer === null) return 'unknown';
  const process = peer.pid === 0 ? 'not visible,' : `${peer.pid} (${peer.comm})`;
  return `${process} uid ${peer.uid}`;
}

function memoryOf(buffer: BufferDescription): string {
  return buffer.memory === 'memfd' ? 'memfd: no dma-buf, no device can import it' : buffer.memory;
}

function accessOf(buffer: BufferDescription): string {
  if (buffer.access !== 'read') return buffer.access;
  return buffer.readOnlyEnforced
    ? 'read (kept by the kernel)'
    : 'read (advice: the fd itself can be written through)';
}

/** What a daemon in a container cannot know of its clients; null if nothing. */
export function whatIsNotSeen(status: DaemonStatus): string | null {
  const { hasOwnPidNamespace, hasOwnCgroupNamespace } = status;
  if (hasOwnPidNamespace) return 'pid, name, unit and container of who is outside its container';
  return hasOwnCgroupNamespace ? 'unit and container of who is outside its container' : null;
}
