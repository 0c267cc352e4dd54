/**
 * Plain tables for a terminal: columns as wide as their widest cell, two spaces between them, nothing at the end of a line.
 */

/** One column: its heading, and the side to which its cells are pushed. */
export interface Column {
  readonly heading: string;
  readonly align?: 'left' | 'right';
}

/** The lines of a table: the headings, then the rows. Control characters in a cell are shown, not sent. */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): string[] {
  const cells = rows.map((row) => columns.map((_, index) => printable(row[index] ?? '')));
  const widths = columns.map(({ heading }, index) =>
    Math.max(widthOf(heading), ...cells.map((row) => widthOf(row[index] ?? ''))),
  );
  const render = (row: readonly string[]) =>
    columns
      .map(({ align = 'left' }, index) => pad(row[index] ?? '', widths[index] ?? 0, align))
      .join('  ')
      .trimEnd();
  return [render(columns.map(({ heading }) => heading)), ...cells.map(render)];
}

/** `name: value` lines with the values in one column. */
export function renderFields(fields: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(0, ...fields.map(([name]) => name.length));
  return fields.map(([name, value]) =>
    `${`${name}:`.padEnd(width + 2)}${printable(value)}`.trimEnd(),
  );
}

/** Text that others chose (a label, a process's name) must not move the cursor or colour the terminal. */
export function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}

function pad(text: string, width: number, align: 'left' | 'right'): string {
  const space = ' '.repeat(Math.max(0, width - widthOf(text)));
  return align === 'left' ? text + space : space + text;
}

function widthOf(text: string): number {
  return [...text].length;
}
