import fc from 'fast-check';
import {
  decodeBuffers,
  decodeDatagram,
  decodeWelcome,
  encodeAdopt,
  encodeBufferIds,
  encodeDatagram,
  encodeFence,
  ProtocolError,
} from '../../../client/fd-protocol';
import {
  BUFFER_BYTES,
  HEADER_BYTES,
  MAX_DATAGRAM_BYTES,
  WELCOME_BYTES,
} from '../../../proto/fd-numbers';

const uint16 = fc.integer({ min: 0, max: 0xffff });
const uint32 = fc.integer({ min: 0, max: 0xffff_ffff });
const payload = fc.uint8Array({ maxLength: 512 });
const id = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });

describe('a datagram of fd.sock', () => {
  test('comes back as it was encoded', () => {
    fc.assert(
      fc.property(uint16, uint32, uint32, payload, uint16, (opcode, serial, status, bytes, fds) => {
        const datagram = { opcode, serial, status, payload: bytes };
        expect(decodeDatagram(encodeDatagram(datagram, fds), fds)).toEqual(datagram);
      }),
    );
  });

  test('is little-endian: opcode, fd count, length, serial, status, payload', () => {
    const encoded = encodeDatagram(
      { opcode: 0x8003, serial: 0x01020304, status: 5, payload: Uint8Array.of(0xaa) },
      2,
    );
    const hex = Buffer.from(encoded).toString('hex');
    expect(hex).toBe('0380020011000000040302010500' + '0000aa');
  });

  test('is refused with a ProtocolError, and nothing else, whatever bytes came', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.nat(253), (bytes, fds) => {
        try {
          expect(decodeDatagram(bytes, fds).payload.length).toBe(bytes.length - HEADER_BYTES);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }),
    );
  });

  test('is refused when it carries another number of fds than it says', () => {
    const bytes = encodeDatagram({ opcode: 3, serial: 1, status: 0, payload: new Uint8Array() }, 1);
    expect(() => decodeDatagram(bytes, 0)).toThrow('with 0 fds whose header says 1');
  });

  test('is refused when it is cut short', () => {
    const bytes = encodeDatagram(
      { opcode: 3, serial: 1, status: 0, payload: new Uint8Array(8) },
      0,
    );
    expect(() => decodeDatagram(bytes.subarray(0, 20), 0)).toThrow(
      'of 20 bytes whose header says 24',
    );
  });

  test('of the largest FETCH fits in the largest datagram', () => {
    const ids = Array.from({ length: 253 }, (_, index) => index);
    expect(HEADER_BYTES + encodeBufferIds(ids).length).toBeLessThanOrEqual(MAX_DATAGRAM_BYTES);
    expect(HEADER_BYTES + 253 * BUFFER_BYTES).toBeLessThanOrEqual(MAX_DATAGRAM_BYTES);
  });
});

describe('the payloads', () => {
  test('buffers come back as many as were asked for', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ bufferId: id, sizeBytes: id, flags: uint32 }), { maxLength: 253 }),
        (buffers) => {
          const bytes = new Uint8Array(buffers.length * BUFFER_BYTES);
          const view = new DataView(bytes.buffer);
          buffers.forEach((buffer, index) => {
            view.setBigUint64(index * BUFFER_BYTES, BigInt(buffer.bufferId), true);
            view.setBigUint64(index * BUFFER_BYTES + 8, BigInt(buffer.sizeBytes), true);
            view.setUint32(index * BUFFER_BYTES + 16, buffer.flags, true);
          });
          expect(decodeBuffers(bytes, buffers.length)).toEqual(buffers);
          expect(() => decodeBuffers(bytes, buffers.length + 1)).toThrow(ProtocolError);
        },
      ),
    );
  });

  test('are refused with a ProtocolError, and nothing else, whatever bytes came', () => {
    const bytes = fc.oneof(payload, fc.uint8Array({ minLength: WELCOME_BYTES, maxLength: 48 }));
    fc.assert(
      fc.property(bytes, fc.nat(4), (any, count) => {
        for (const decode of [decodeWelcome, (some: Uint8Array) => decodeBuffers(some, count)]) {
          try {
            decode(any);
          } catch (error) {
            expect(error).toBeInstanceOf(ProtocolError);
          }
        }
      }),
    );
  });

  test('an id above 2^53 - 1 is refused and not rounded', () => {
    const bytes = new Uint8Array(BUFFER_BYTES).fill(0xff);
    expect(() => decodeBuffers(bytes, 1)).toThrow('buffer_id: 18446744073709551615 is over');
  });

  test('WELCOME of another version is refused with both versions', () => {
    const bytes = new Uint8Array(WELCOME_BYTES);
    bytes[0] = 9;
    expect(() => decodeWelcome(bytes)).toThrow('version 9: this client speaks 1');
  });

  test('WELCOME carries session and token', () => {
    const bytes = new Uint8Array(WELCOME_BYTES).map((_, index) => index);
    bytes.set([1, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0]);
    const welcome = decodeWelcome(bytes);
    expect(welcome.sessionId).toBe(7);
    expect([...welcome.token]).toEqual(Array.from({ length: 32 }, (_, index) => 16 + index));
  });

  test('a label takes up to 31 bytes, counted in UTF-8, and ends with a NUL', () => {
    expect(encodeAdopt(`${'ä'.repeat(15)}x`)[31]).toBe(0);
    expect(() => encodeAdopt('ä'.repeat(16))).toThrow('has 32 bytes: at most 31');
  });

  test('a fence names buffer and directions', () => {
    const hex = Buffer.from(encodeFence(0x0102, 3)).toString('hex');
    expect(hex).toBe('02010000000000000300000000000000');
  });
});
