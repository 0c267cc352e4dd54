/**
 * The client's half of the protocol of fd.sock as pure functions: bytes to values and back. The layout is that of
 * proto/dmabufd_fd.h; all integers are little-endian.
 */

import {
  BUFFER_BYTES,
  FENCE_BYTES,
  HEADER_BYTES,
  LABEL_BYTES,
  RESTARTED_BYTES,
  TOKEN_BYTES,
  VERSION,
  WELCOME_BYTES,
} from '../proto/fd-numbers';

/** A datagram of the daemon that is not what the header file says. The connection is of no use after it. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
}

/** A datagram, taken apart. */
export interface Datagram {
  readonly opcode: number;
  readonly serial: number;
  readonly status: number;
  readonly payload: Uint8Array;
}

/** struct dmabufd_fd_welcome. */
export interface Welcome {
  readonly version: number;
  readonly sessionId: number;
  readonly token: Uint8Array;
}

/** struct dmabufd_fd_buffer. */
export interface FetchedBuffer {
  readonly bufferId: number;
  /** 0 if the kernel does not tell. */
  readonly sizeBytes: number;
  readonly flags: number;
}

/**
 * A datagram's bytes. `fdCount` is how many fds are sent along with it. Of Buffer's pool: a small Uint8Array of its own gets memory
 * outside of V8's heap, at several times the cost, as soon as a view or the addon asks for it.
 */
export function encodeDatagram(datagram: Datagram, fdCount: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(HEADER_BYTES + datagram.payload.length);
  bytes.writeUInt16LE(datagram.opcode, 0);
  bytes.writeUInt16LE(fdCount, 2);
  bytes.writeUInt32LE(bytes.length, 4);
  bytes.writeUInt32LE(datagram.serial, 8);
  bytes.writeUInt32LE(datagram.status, 12);
  bytes.set(datagram.payload, HEADER_BYTES);
  return bytes;
}

/** Takes a datagram apart and checks that it is as long, and came with as many fds, as it says. Throws {@link ProtocolError}. */
export function decodeDatagram(bytes: Uint8Array, fdCount: number): Datagram {
  if (bytes.length < HEADER_BYTES) {
    throw new ProtocolError(`a datagram of ${bytes.length} bytes: a header has ${HEADER_BYTES}`);
  }
  const view = viewOf(bytes);
  const length = view.getUint32(4, true);
  if (length !== bytes.length) {
    throw new ProtocolError(`a datagram of ${bytes.length} bytes whose header says ${length}`);
  }
  const announced = view.getUint16(2, true);
  if (announced !== fdCount) {
    throw new ProtocolError(`a datagram with ${fdCount} fds whose header says ${announced}`);
  }
  return {
    opcode: view.getUint16(0, true),
    serial: view.getUint32(8, true),
    status: view.getUint32(12, true),
    payload: bytes.subarray(HEADER_BYTES),
  };
}

/** The payload of WELCOME. Throws {@link ProtocolError} for a version that this client does not speak. */
export function decodeWelcome(payload: Uint8Array): Welcome {
  expectLength('WELCOME', payload, WELCOME_BYTES);
  const view = viewOf(payload);
  const version = view.getUint32(0, true);
  if (version !== VERSION) {
    throw new ProtocolError(`WELCOME: version ${version}: this client speaks ${VERSION}`);
  }
  return {
    version,
    sessionId: readId(view, 8, 'session_id'),
    token: payload.slice(16, 16 + TOKEN_BYTES),
  };
}

/** The payload of RESTARTED. Throws {@link ProtocolError} for a version that this client does not speak. */
export function checkRestarted(payload: Uint8Array): void {
  expectLength('RESTARTED', payload, RESTARTED_BYTES);
  const version = viewOf(payload).getUint32(0, true);
  if (version === VERSION) return;
  throw new ProtocolError(`RESTARTED: version ${version}: this client speaks ${VERSION}`);
}

/** The payload of FETCH and RELEASE. */
export function encodeBufferIds(bufferIds: readonly number[]): Uint8Array {
  const payload = Buffer.allocUnsafe(8 * bufferIds.length);
  let at = 0;
  for (const id of bufferIds) at = writeId(payload, at, id);
  return payload;
}

/** The payload of the answers to FETCH and ADOPT: as many buffers as were asked for. */
export function decodeBuffers(payload: Uint8Array, count: number): FetchedBuffer[] {
  expectLength('buffers', payload, count * BUFFER_BYTES);
  const view = viewOf(payload);
  const buffers: FetchedBuffer[] = [];
  for (let at = 0; at < payload.length; at += BUFFER_BYTES) {
    buffers.push({
      bufferId: readId(view, at, 'buffer_id'),
      sizeBytes: readId(view, at + 8, 'size_bytes'),
      flags: view.getUint32(at + 16, true),
    });
  }
  return buffers;
}

/** The payload of ADOPT. Throws a RangeError for a label that does not fit with its NUL. */
export function encodeAdopt(label: string): Uint8Array {
  const text = new TextEncoder().encode(label);
  if (text.length >= LABEL_BYTES) {
    const limit = `at most ${LABEL_BYTES - 1} bytes of UTF-8`;
    throw new RangeError(`label: ${JSON.stringify(label)} has ${text.length} bytes: ${limit}`);
  }
  const payload = new Uint8Array(LABEL_BYTES);
  payload.set(text);
  return payload;
}

/** The payload of EXPORT_FENCE and IMPORT_FENCE. */
export function encodeFence(bufferId: number, flags: number): Uint8Array {
  const payload = Buffer.alloc(FENCE_BYTES);
  payload.writeUInt32LE(flags, writeId(payload, 0, bufferId));
  return payload;
}

/** The payload of REVOKED: the buffer's id. */
export function decodeRevoked(payload: Uint8Array): number {
  expectLength('REVOKED', payload, 8);
  return readId(viewOf(payload), 0, 'buffer_id');
}

/** The reason in GOODBYE and in answers that are not OK. */
export function decodeReason(payload: Uint8Array): string {
  return new TextDecoder().decode(payload);
}

/** Returns where the next one belongs. */
function writeId(bytes: Buffer, offset: number, id: number): number {
  return bytes.writeUInt32LE(Math.floor(id / 2 ** 32), bytes.writeUInt32LE(id % 2 ** 32, offset));
}

function readId(view: DataView, offset: number, field: string): number {
  const value = view.getUint32(offset + 4, true) * 2 ** 32 + view.getUint32(offset, true);
  if (Number.isSafeInteger(value)) return value;
  const exactly = view.getBigUint64(offset, true);
  throw new ProtocolError(`${field}: ${exactly} is over ${Number.MAX_SAFE_INTEGER}`);
}

function expectLength(what: string, payload: Uint8Array, length: number): void {
  if (payload.length !== length) {
    throw new ProtocolError(`${what}: ${payload.length} bytes where ${length} belong`);
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
