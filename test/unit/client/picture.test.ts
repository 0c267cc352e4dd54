import { type PictureSize, SMALLEST, TestPicture, toRgba } from '../../../client/demo/picture';

function drawn(size: PictureSize, frame: number): Uint32Array {
  const pixels = new Uint32Array(size.width * size.height).fill(0xdeadbeef);
  new TestPicture(size).draw(frame, pixels);
  return pixels;
}

describe('the test picture', () => {
  const size = { width: 160, height: 90 };

  test('is the same for the same number, whoever draws it', () => {
    expect(drawn(size, 17)).toEqual(drawn(size, 17));
  });

  test('differs from one frame to the next', () => {
    for (let frame = 0; frame < 50; frame += 1) {
      expect(
        Buffer.from(drawn(size, frame).buffer).equals(Buffer.from(drawn(size, frame + 1).buffer)),
      ).toBe(false);
    }
  });

  test('covers every pixel, whatever was there before', () => {
    for (const frame of [0, 1, 999, 9999])
      expect(drawn(size, frame).includes(0xdeadbeef)).toBe(false);
  });

  test.each([SMALLEST, { width: 97, height: 301 }, { width: 641, height: 64 }])(
    'fits into %p',
    (odd) => {
      for (let frame = 0; frame < 300; frame += 7)
        expect(drawn(odd, frame)).toHaveLength(odd.width * odd.height);
    },
  );

  test('as RGBA has its colours in order and is opaque', () => {
    expect([...toRgba(Uint32Array.of(0x00123456))]).toEqual([0x12, 0x34, 0x56, 0xff]);
  });
});
