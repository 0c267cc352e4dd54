/**
 * What producer and consumers agree on: the ring of buffers, the names that they are published under, and the header that
 * follows the pixels of each. All of it is the demo's own; the daemon knows buffers and names.
 */
import type { PictureSize } from './picture';

/** Buffers in the ring: one being drawn, one being read, one on the way. */
export const SLOTS = 3;
/** The header follows the pixels, so that these begin at the buffer's first byte. */
export const HEADER_BYTES = 16;
const MAGIC = 0x666d6264;

/** What one child process of the demo is told. */
export interface Scenario {
  readonly runtimeDirectory: string;
  readonly heap: string;
  readonly frames: number;
  readonly consumers: number;
  readonly size: PictureSize;
  /** For every wait; longer on slow machines. */
  readonly timeoutMs: number;
}

/** The header of a frame. */
export interface FrameHeader {
  readonly frame: number;
  readonly size: PictureSize;
}

export function slotOf(frame: number): number {
  return frame % SLOTS;
}

/** The name that a slot's buffer is published under. */
export function nameOfSlot(slot: number): string {
  return `demo/slot-${slot}`;
}

/** Writes a header at the end of a frame of `pixelBytes`. */
export function writeHeader(view: Uint8Array, pixelBytes: number, header: FrameHeader): void {
  const words = new Uint32Array(view.buffer, view.byteOffset + pixelBytes, HEADER_BYTES / 4);
  words.set([MAGIC, header.frame, header.size.width, header.size.height]);
}

/** The header that a frame must have, to compare with. */
export function headerBytes(header: FrameHeader): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES);
  writeHeader(bytes, 0, header);
  return bytes;
}
