/** As much of SVG as the plots are drawn with. Colours are readable on light and on dark ground. */
export const INK = '#7a7a7a';
export const PALETTE = ['#2f7ed8', '#e07b39', '#3aa657', '#a05fc0'] as const;

type Attributes = Readonly<Record<string, string | number>>;

export function element(name: string, attributes: Attributes, ...children: string[]): string {
  const written = Object.entries(attributes).map(([key, value]) => ` ${key}="${escaped(value)}"`);
  const open = `<${name}${written.join('')}`;
  return children.length === 0 ? `${open}/>` : `${open}>${children.join('')}</${name}>`;
}

export function text(
  x: number,
  y: number,
  words: string,
  anchor: 'start' | 'middle' | 'end' = 'start',
): string {
  return element('text', { x, y, 'text-anchor': anchor, fill: INK }, escaped(words));
}

export function line(
  x1: number,
  y1: number,
  x2: number,
  y2: number,
  more: Attributes = {},
): string {
  return element('line', { x1, y1, x2, y2, stroke: INK, ...more });
}

/** The title is what a screen reader says of it. */
export function drawing(
  title: string,
  width: number,
  height: number,
  ...children: string[]
): string {
  const attributes = {
    xmlns: 'http://www.w3.org/2000/svg',
    viewBox: `0 0 ${width} ${height}`,
    'font-family': 'system-ui, sans-serif',
    'font-size': 12,
    role: 'img',
    'aria-label': title,
  };
  const all = [element('title', {}, escaped(title)), ...children];
  return `${element('svg', attributes, ...all.map((child) => `\n${child}`))}\n`;
}

const escaped = (value: string | number) =>
  String(value).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');

/** Places on a logarithmic axis. */
export function logarithmic(from: number, to: number, start: number, end: number) {
  return (value: number) => start + ((end - start) * Math.log(value / from)) / Math.log(to / from);
}

/** 1, 2 and 5 of each decade between two numbers. */
export function ticks(from: number, to: number): number[] {
  const all: number[] = [];
  for (let decade = 10 ** Math.floor(Math.log10(from)); decade <= to; decade *= 10) {
    all.push(...[1, 2, 5].map((step) => step * decade));
  }
  return all.filter((value) => value >= from && value <= to);
}
