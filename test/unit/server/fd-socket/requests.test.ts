import * as fc from 'fast-check';
import { encodeAdopt, encodeFence } from '../../../../client/fd-protocol';
import { DomainError } from '../../../../server/domain/errors';
import { encodeBuffer, encodeReason } from '../../../../server/fd-socket/answers';
import { checkFdCount, parseAdopt, parseFence } from '../../../../server/fd-socket/requests';
import { refusal } from '../domain/fakes';

function fence(bufferId: bigint, flags: number, reserved = 0): Uint8Array {
  const bytes = Buffer.alloc(16);
  bytes.writeBigUInt64LE(bufferId, 0);
  bytes.writeUInt32LE(flags, 8);
  bytes.writeUInt32LE(reserved, 12);
  return bytes;
}

function label(text: string, tail = Buffer.alloc(0)): Uint8Array {
  return Buffer.concat([Buffer.from(text), Buffer.alloc(1), tail, Buffer.alloc(32)]).subarray(
    0,
    32,
  );
}

describe('a request on fd.sock', () => {
  test('is read little-endian', () => {
    expect(parseFence(fence(0x0102n, 3), 'EXPORT_FENCE')).toEqual({
      bufferId: 0x0102,
      mode: 'read-write',
    });
    expect(parseAdopt(label('camera'))).toBe('camera');
  });

  test('may lie anywhere in the bytes that were received', () => {
    const around = Buffer.concat([Buffer.alloc(3, 0xff), fence(5n, 1)]);
    expect(parseFence(around.subarray(3), 'EXPORT_FENCE')).toEqual({ bufferId: 5, mode: 'read' });
  });

  test.each([
    [() => parseFence(fence(1n, 0), 'X'), 'flags is 0; it must be READ (1), WRITE (2) or both'],
    [() => parseFence(fence(1n, 4), 'X'), 'flags is 4; it must be READ (1), WRITE (2) or both'],
    [() => parseFence(fence(1n, 1, 7), 'X'), 'reserved is 7; it must be 0'],
    [() => parseFence(new Uint8Array(15), 'X'), 'the payload of X is 15 bytes long; it must be 16'],
    [
      () => parseAdopt(Buffer.alloc(32, 0x61)),
      'label has no NUL within its 32 bytes; it is at most 31 bytes long',
    ],
    [
      () => parseAdopt(label('a', Buffer.from('b'))),
      'label has bytes after its NUL; they must be NUL too',
    ],
    [
      () => parseAdopt(Buffer.concat([Buffer.from('c328', 'hex'), Buffer.alloc(30)])),
      'label is not valid UTF-8',
    ],
    [() => checkFdCount(2, 1, 'ADOPT'), 'fd_count is 2; ADOPT takes exactly 1 fd'],
  ])('is refused by field, value and limit (%#)', async (parse, message) => {
    expect(await refusal(parse)).toBe(`invalid-argument: ${message}`);
  });

  test('for an id that no double holds hits no buffer', async () => {
    expect(await refusal(() => parseFence(fence(2n ** 53n + 1n, 1), 'X'))).toContain('not-found');
    expect(await refusal(() => parseFence(fence(0n, 1), 'X'))).toContain('not-found');
  });

  test('is read as the client wrote it', async () => {
    const text = fc
      .string({ unit: 'binary', maxLength: 31 })
      .map((any) => any.replaceAll('\0', ''))
      .filter((any) => Buffer.byteLength(any) <= 31);
    const bufferId = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
    const mode = fc.constantFrom(...(['read', 'write', 'read-write'] as const).entries());
    await fc.assert(
      fc.property(text, bufferId, mode, (name, id, [index, access]) => {
        expect(parseAdopt(encodeAdopt(name))).toBe(name);
        expect(parseFence(encodeFence(id, index + 1), 'X')).toEqual({ bufferId: id, mode: access });
      }),
    );
  });

  test('of any bytes is parsed or refused, and nothing else', async () => {
    await fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        for (const parse of [parseAdopt, (payload: Uint8Array) => parseFence(payload, 'X')]) {
          try {
            parse(bytes);
          } catch (error) {
            expect(error).toBeInstanceOf(DomainError);
          }
        }
      }),
    );
  });
});

describe('an answer on fd.sock', () => {
  test('has the layout of struct dmabufd_fd_buffer', () => {
    expect(Buffer.from(encodeBuffer(0x0102, 4096, 7)).toString('hex')).toBe(
      '02010000000000000010000000000000' + '0700000000000000',
    );
  });

  test('cuts a long reason between characters', () => {
    const bytes = encodeReason('é'.repeat(2000));
    expect(bytes.length).toBeLessThanOrEqual(1024);
    expect(new TextDecoder('utf-8', { fatal: true }).decode(bytes)).toBe('é'.repeat(512));
  });
});
