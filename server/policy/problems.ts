/** What is wrong with a policy file: everything at once, each with its place. */

/** Where in a file: the keys and indices that lead there. */
export type KeyPath = readonly (string | number)[];

export interface Problem {
  readonly line: number;
  /** What is wrong, and what it must be. */
  readonly message: string;
}

/** A policy that cannot be read. Each line is for a person: `FILE:LINE: rules[0].name: what is wrong: what it must be`. */
export class PolicyFileError extends Error {
  override readonly name = 'PolicyFileError';

  constructor(readonly lines: readonly string[]) {
    super(lines.join('\n'));
  }
}

const PLAIN_KEY = /^[\w-]{1,64}$/;
const MAX_SHOWN_CHARACTERS = 60;

/** `rules[1].allow.bytes`. */
export function formatPath(path: KeyPath): string {
  return path
    .map((key, index) => {
      if (typeof key === 'number') return `[${key}]`;
      if (!PLAIN_KEY.test(key)) return `[${quote(key)}]`;
      return index === 0 ? key : `.${key}`;
    })
    .join('');
}

/** In quotes, without control characters, and not at any length. */
export function quote(text: string): string {
  const isLong = text.length > MAX_SHOWN_CHARACTERS;
  return JSON.stringify(isLong ? `${text.slice(0, MAX_SHOWN_CHARACTERS)}…` : text);
}
