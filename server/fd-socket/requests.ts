/**
 * Parses what clients send on fd.sock beyond FETCH and RELEASE: the payloads of proto/dmabufd_fd.h, little-endian.
 * Pure functions over bytes that nobody has checked; a refusal names the field, the value and the limit.
 */
import { FENCE_BYTES, Flag, LABEL_BYTES } from '../../proto/fd-numbers';
import type { CpuAccessMode } from '../domain/access';
import { DomainError } from '../domain/errors';

export interface FenceRequest {
  readonly bufferId: number;
  readonly mode: CpuAccessMode;
}

/** struct dmabufd_fd_adopt: the label. Its rules are the domain's; here only that it is terminated UTF-8. */
export function parseAdopt(payload: Uint8Array): string {
  checkLength(payload, LABEL_BYTES, 'ADOPT');
  const end = payload.indexOf(0);
  if (end < 0) {
    throw new DomainError(
      'invalid-argument',
      `label has no NUL within its ${LABEL_BYTES} bytes; it is at most ${LABEL_BYTES - 1} bytes long`,
    );
  }
  if (payload.subarray(end).some((byte) => byte !== 0)) {
    throw new DomainError(
      'invalid-argument',
      'label has bytes after its NUL; they must be NUL too',
    );
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(
      payload.subarray(0, end),
    );
  } catch {
    throw new DomainError('invalid-argument', 'label is not valid UTF-8');
  }
}

/** struct dmabufd_fd_fence. */
export function parseFence(payload: Uint8Array, opcodeName: string): FenceRequest {
  checkLength(payload, FENCE_BYTES, opcodeName);
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const bufferId = view.getBigUint64(0, true);
  const flags = view.getUint32(8, true);
  const reserved = view.getUint32(12, true);
  if (reserved !== 0) {
    throw new DomainError('invalid-argument', `reserved is ${reserved}; it must be 0`);
  }
  return { bufferId: toBufferNumber(bufferId), mode: parseFlags(flags) };
}

/** How many fds a request must come with. */
export function checkFdCount(count: number, expected: number, opcodeName: string): void {
  if (count === expected) return;
  throw new DomainError(
    'invalid-argument',
    `fd_count is ${count}; ${opcodeName} takes exactly ${expected} fd${expected === 1 ? '' : 's'}`,
  );
}

function checkLength(payload: Uint8Array, expectedBytes: number, opcodeName: string): void {
  if (payload.byteLength === expectedBytes) return;
  throw new DomainError(
    'invalid-argument',
    `the payload of ${opcodeName} is ${payload.byteLength} bytes long; it must be ${expectedBytes}`,
  );
}

/** Ids above 2^53 were never given, so a rounded one must not hit a buffer. */
function toBufferNumber(id: bigint): number {
  if (id >= 1n && id <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(id);
  throw new DomainError('not-found', `there is no buffer ${id} that this session leases`);
}

function parseFlags(flags: number): CpuAccessMode {
  if (flags === Flag.READ) return 'read';
  if (flags === Flag.WRITE) return 'write';
  if (flags === (Flag.READ | Flag.WRITE)) return 'read-write';
  throw new DomainError(
    'invalid-argument',
    `flags is ${flags}; it must be READ (${Flag.READ}), WRITE (${Flag.WRITE}) or both`,
  );
}
