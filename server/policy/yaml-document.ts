/**
 * A policy file as YAML: its value, as JSON has values, and the line where each part of it stands. Only what JSON
 * has, too: an alias (which a pattern that begins with '*' is by mistake), a tag of one's own or a key that is no string is a
 * problem. So every part stands in one place, and no file can become larger than it is.
 */
import {
  type Document,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  Scalar,
  visit,
  type YAMLError,
} from 'yaml';
import type { KeyPath, Problem } from './problems';

/** Errors that leave no doubt what was meant. */
const HARMLESS: ReadonlySet<string> = new Set(['DUPLICATE_KEY', 'BAD_ALIAS']);

export interface YamlDocument {
  readonly value: unknown;
  readonly problems: readonly Problem[];
  /** It has errors that leave in doubt what was meant, and no value. */
  readonly isBroken: boolean;
  /** The line of a key or an entry, or of the nearest thing around it that exists. */
  lineOf(path: KeyPath): number;
}

export function parseYaml(text: string): YamlDocument {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    schema: 'core',
    stringKeys: true,
    uniqueKeys: true,
  });
  const lineAt = (offset: number) => Math.max(1, lines.linePos(offset).line);
  const told = [...document.errors, ...document.warnings].map((error) => ({
    line: lineAt(error.pos[0]),
    message: messageOf(error),
  }));
  const aliases = replaceAliases(document).map(({ offset, source }) => ({
    line: lineAt(offset),
    message: noAlias(source),
  }));
  const isBroken = document.errors.some(({ code }) => !HARMLESS.has(code));
  return {
    value: isBroken ? null : document.toJS(),
    problems: [...told, ...aliases],
    isBroken,
    lineOf: (path) => lineAt(offsetOf(document, path)),
  };
}

function messageOf({ code, message }: YAMLError): string {
  // An asterisk with nothing behind it.
  if (code === 'BAD_ALIAS') return noAlias('');
  return `it is not YAML as it is taken here: ${message}`;
}

function noAlias(source: string): string {
  return `*${source} is an alias of YAML, which is not taken here: write a pattern in quotes, "*${source}"`;
}

/** Puts the text that was perhaps meant in the place of each, so that the rest can be checked as well. */
function replaceAliases(document: Document): { offset: number; source: string }[] {
  const found: { offset: number; source: string }[] = [];
  visit(document, {
    Alias(_key, { source, range }) {
      found.push({ offset: range?.[0] ?? 0, source });
      const text = new Scalar(`*${source}`);
      text.range = range ?? null;
      return text;
    },
  });
  return found;
}

function offsetOf(document: Document, path: KeyPath): number {
  let node: unknown = document.contents;
  let offset = startOf(node) ?? 0;
  for (const key of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && item.key.value === key);
      if (pair === undefined) break;
      node = pair.value;
      offset = startOf(pair.key) ?? offset;
    } else if (isSeq(node) && typeof key === 'number') {
      node = node.items[key];
      offset = startOf(node) ?? offset;
    } else break;
  }
  return offset;
}

function startOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined;
}
