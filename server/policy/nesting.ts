/**
 * How deeply a YAML text is nested, found out without recursion. What parses and checks it afterwards is recursive, and a stack
 * that runs out is no mere exception: V8 ends the process when it happens where a regular expression is compiled.
 */
import { type CST, Parser } from 'yaml';

/** A policy has five levels. */
export const MAX_DEPTH = 50;

/** The line where something is nested too deeply to be read; null if nothing is. */
export function findTooDeep(text: string): number | null {
  for (const document of new Parser().parse(text)) {
    let level = partsOf(document);
    for (let depth = 0; level.length > 0; depth += 1) {
      const [first] = level;
      if (depth > MAX_DEPTH && first !== undefined) return lineOf(first.offset, text);
      level = level.flatMap(partsOf);
    }
  }
  return null;
}

function lineOf(offset: number, text: string): number {
  return text.slice(0, offset).split('\n').length;
}

/** What is directly in a part of the text. */
function partsOf(token: CST.Token): CST.Token[] {
  if (token.type === 'document') return token.value === undefined ? [] : [token.value];
  if (!('items' in token)) return [];
  return token.items.flatMap(({ key, value }) => [key, value].filter(isPresent));
}

function isPresent(token: CST.Token | null | undefined): token is CST.Token {
  return token !== null && token !== undefined;
}
