/**
 * The moving test picture: colour bars, a rainbow that scrolls, a grey ramp, a ball on its way and the frame's number. The
 * same number gives the same pixels in every process, so that whoever receives a frame can check every byte of it.
 *
 * Pixels are DRM_FORMAT_XRGB8888, one little-endian 32-bit word each. What does not move is drawn once; a frame is made of
 * whole rows and runs of pixels (`set`, `fill`), since loops over pixels are slow on an emulated machine.
 */
import { forEachDot, GLYPH_PITCH, GLYPH_ROWS } from './digits';

export interface PictureSize {
  readonly width: number;
  readonly height: number;
}

/** Below this the digits do not fit. */
export const SMALLEST: PictureSize = { width: 96, height: 64 };
export const LARGEST: PictureSize = { width: 7680, height: 4320 };
export const BYTES_PER_PIXEL = 4;

const BARS = [0xc0c0c0, 0xc0c000, 0x00c0c0, 0x00c000, 0xc000c0, 0xc00000, 0x0000c0, 0x101010];
/** From the rim of the ball to its shine: how large, and in which colour. */
const BALL = [
  [1.0, 0x7a2412],
  [0.93, 0xc43a18],
  [0.8, 0xe8592a],
  [0.62, 0xf58545],
  [0.4, 0xfbb377],
  [0.18, 0xfff0dc],
] as const;
const NUMBER_DIGITS = 4;
const NUMBER_COLOUR = 0xffffff;
const NUMBER_SHADOW = 0x000000;

/** Draws the frames of one size. */
export class TestPicture {
  readonly size: PictureSize;
  /** Bytes of one frame; rows follow each other without a gap. */
  readonly sizeBytes: number;
  readonly #still: Uint32Array;
  /** Twice as wide as the picture: a scrolled row is a part of it. */
  readonly #rainbow: Uint32Array;
  readonly #rainbowTop: number;
  readonly #rainbowBottom: number;

  constructor(size: PictureSize) {
    this.size = size;
    this.sizeBytes = size.width * size.height * BYTES_PER_PIXEL;
    this.#rainbowTop = Math.round(size.height * 0.55);
    this.#rainbowBottom = Math.round(size.height * 0.75);
    this.#still = this.#drawStill();
    this.#rainbow = drawRainbow(size.width);
  }

  /** Draws a frame over all of `pixels`, which has as many words as the picture. */
  draw(frame: number, pixels: Uint32Array): void {
    pixels.set(this.#still);
    this.#drawRainbow(frame, pixels);
    this.#drawBall(frame, pixels);
    this.#drawNumber(frame, pixels);
  }

  #drawStill(): Uint32Array {
    const { width, height } = this.size;
    const pixels = new Uint32Array(width * height);
    const bars = new Uint32Array(width);
    BARS.forEach((colour, index) => {
      const from = Math.round((index * width) / BARS.length);
      bars.fill(colour, from, Math.round(((index + 1) * width) / BARS.length));
    });
    const ramp = new Uint32Array(width);
    for (let x = 0; x < width; x += 1) ramp[x] = grey(Math.floor((x * 256) / width));
    for (let y = 0; y < height; y += 1) {
      pixels.set(y < this.#rainbowTop ? bars : ramp, y * width);
    }
    return pixels;
  }

  #drawRainbow(frame: number, pixels: Uint32Array): void {
    const { width } = this.size;
    const scrolled = (frame * Math.max(1, Math.round(width / 120))) % width;
    const row = this.#rainbow.subarray(scrolled, scrolled + width);
    for (let y = this.#rainbowTop; y < this.#rainbowBottom; y += 1) pixels.set(row, y * width);
  }

  #drawBall(frame: number, pixels: Uint32Array): void {
    const { width, height } = this.size;
    const radius = Math.floor(height * 0.17);
    const centreX = radius + bounce(frame * Math.ceil(width / 64), width - 2 * radius - 1);
    const centreY = radius + bounce(frame * Math.ceil(height / 48), height - 2 * radius - 1);
    for (const [share, colour] of BALL) {
      // The shine sits up and to the left of the middle.
      const shift = Math.round((1 - share) * radius * 0.35);
      this.#fillDisc(pixels, centreX - shift, centreY - shift, Math.floor(radius * share), colour);
    }
  }

  #fillDisc(pixels: Uint32Array, x: number, y: number, radius: number, colour: number): void {
    const { width } = this.size;
    for (let dy = -radius; dy <= radius; dy += 1) {
      const half = Math.floor(Math.sqrt(radius * radius - dy * dy));
      const row = (y + dy) * width;
      pixels.fill(colour, row + x - half, row + x + half + 1);
    }
  }

  #drawNumber(frame: number, pixels: Uint32Array): void {
    const { width, height } = this.size;
    const digits = String(frame % 10 ** NUMBER_DIGITS).padStart(NUMBER_DIGITS, '0');
    const dot = Math.max(1, Math.floor(height / 48));
    const left = Math.round((width - dot * (NUMBER_DIGITS * GLYPH_PITCH - 1)) / 2);
    const top = Math.round(height * 0.875 - (dot * GLYPH_ROWS) / 2);
    const shadow = Math.ceil(dot / 2);
    forEachDot(digits, (column, row) => {
      this.#fillSquare(
        pixels,
        left + column * dot + shadow,
        top + row * dot + shadow,
        dot,
        NUMBER_SHADOW,
      );
    });
    forEachDot(digits, (column, row) => {
      this.#fillSquare(pixels, left + column * dot, top + row * dot, dot, NUMBER_COLOUR);
    });
  }

  #fillSquare(pixels: Uint32Array, x: number, y: number, side: number, colour: number): void {
    const { width } = this.size;
    for (let row = y; row < y + side; row += 1) {
      pixels.fill(colour, row * width + x, row * width + x + side);
    }
  }
}

/** Pixels as PNG wants them: red, green, blue and an opaque alpha, a byte each. */
export function toRgba(pixels: Uint32Array): Uint8Array {
  const words = new Uint32Array(pixels.length);
  for (let index = 0; index < pixels.length; index += 1) {
    const word = pixels[index] ?? 0;
    words[index] = 0xff000000 | ((word & 0xff) << 16) | (word & 0xff00) | ((word >> 16) & 0xff);
  }
  return new Uint8Array(words.buffer);
}

function drawRainbow(width: number): Uint32Array {
  const row = new Uint32Array(2 * width);
  for (let x = 0; x < width; x += 1) row[x] = hue((6 * x) / width);
  row.copyWithin(width, 0, width);
  return row;
}

/** A colour of the rainbow; the circle has 6 parts. */
function hue(part: number): number {
  const channel = (offset: number) => {
    const k = (offset + part) % 6;
    return Math.round(255 * (1 - Math.max(0, Math.min(1, k, 4 - k))));
  };
  return (channel(5) << 16) | (channel(3) << 8) | channel(1);
}

function grey(level: number): number {
  return (level << 16) | (level << 8) | level;
}

/** To and fro between 0 and `range`. */
function bounce(distance: number, range: number): number {
  const span = Math.max(1, range);
  const along = distance % (2 * span);
  return along <= span ? along : 2 * span - along;
}
