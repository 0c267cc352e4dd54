/**
 * Large digits for a picture: a font of five by seven dots.
 */

/** Rows from top to bottom; in each the highest of five bits is the leftmost dot. */
const GLYPHS: readonly (readonly number[])[] = [
  [0b01110, 0b10001, 0b10011, 0b10101, 0b11001, 0b10001, 0b01110],
  [0b00100, 0b01100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110],
  [0b01110, 0b10001, 0b00001, 0b00010, 0b00100, 0b01000, 0b11111],
  [0b11111, 0b00010, 0b00100, 0b00010, 0b00001, 0b10001, 0b01110],
  [0b00010, 0b00110, 0b01010, 0b10010, 0b11111, 0b00010, 0b00010],
  [0b11111, 0b10000, 0b11110, 0b00001, 0b00001, 0b10001, 0b01110],
  [0b00110, 0b01000, 0b10000, 0b11110, 0b10001, 0b10001, 0b01110],
  [0b11111, 0b00001, 0b00010, 0b00100, 0b01000, 0b01000, 0b01000],
  [0b01110, 0b10001, 0b10001, 0b01110, 0b10001, 0b10001, 0b01110],
  [0b01110, 0b10001, 0b10001, 0b01111, 0b00001, 0b00010, 0b01100],
];

export const GLYPH_COLUMNS = 5;
export const GLYPH_ROWS = 7;
/** From one digit to the next, in dots. */
export const GLYPH_PITCH = GLYPH_COLUMNS + 1;

/** Calls back for each dot of a number's digits, with its column and row. */
export function forEachDot(digits: string, dot: (column: number, row: number) => void): void {
  [...digits].forEach((digit, position) => {
    GLYPHS[Number(digit)]?.forEach((bits, row) => {
      for (let column = 0; column < GLYPH_COLUMNS; column += 1) {
        const lit = (bits >> (GLYPH_COLUMNS - 1 - column)) & 1;
        if (lit === 1) dot(position * GLYPH_PITCH + column, row);
      }
    });
  });
}
