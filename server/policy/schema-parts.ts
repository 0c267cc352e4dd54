/**
 * What the schema of the policy file is made of: mappings, lists and values, each with messages for the person who wrote
 * the file. A mapping takes only keys that it knows, and tells them to whoever mistyped one.
 */
import * as v from 'valibot';
import { quote } from './problems';

export type Schema<T> = v.GenericSchema<unknown, T>;

/** A value that `parse` takes; undefined is not taken, and `must` says what is. */
export function parsed<T>(parse: (value: unknown) => T | undefined, must: string): Schema<T> {
  return v.pipe(
    v.unknown(),
    v.rawTransform<unknown, T>(({ dataset, addIssue, NEVER }) => {
      const found = parse(dataset.value);
      if (found !== undefined) return found;
      addIssue({ message: `${shown(dataset.value)} ${must}` });
      return NEVER;
    }),
  );
}

type MappingOf<Entries extends v.ObjectEntries> = v.InferOutput<v.ObjectSchema<Entries, undefined>>;

/** A mapping with these keys and no others. */
export function mapping<Entries extends v.ObjectEntries>(
  entries: Entries,
): Schema<MappingOf<Entries>> {
  const known = Object.keys(entries).join(', ');
  const schema = v.object(entries);
  return v.lazy((input): Schema<MappingOf<Entries>> => {
    if (!isMapping(input))
      return parsed<MappingOf<Entries>>(
        () => undefined,
        `is not a mapping: write one with any of ${known}`,
      );
    const unknown = Object.keys(input).filter((key) => !Object.hasOwn(entries, key));
    return v.pipe(
      schema,
      v.rawCheck(({ addIssue }) => {
        for (const key of unknown) {
          const message = `is not known here: write one of ${known}`;
          addIssue({ message, path: [pathItem(input, key)] });
        }
      }),
    );
  });
}

/** What is not there is read as nothing is, and so told what it must be. */
export function required<T>(one: Schema<T>) {
  return v.optional(one, null);
}

/** A list of any length. */
export function sequence<T>(one: Schema<T>, what: string): Schema<T[]> {
  return v.array(one, ({ input }) => `${shown(input)} is not ${what}: write [] for none`);
}

/** One value, or a list of them, which may be empty. */
export function anyNumberOf<T>(one: Schema<T>): Schema<T[]> {
  const alone = v.pipe(
    one,
    v.transform((value) => [value]),
  );
  const list = v.array(one);
  return v.lazy((input) => (Array.isArray(input) ? list : alone));
}

/** One value, or a list of at least one. */
export function oneOrMore<T>(one: Schema<T>): Schema<T[]> {
  return v.pipe(anyNumberOf(one), v.minLength(1, 'is an empty list: write what may match'));
}

export function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function pathItem(input: unknown, key: string | number): v.UnknownPathItem {
  return { type: 'unknown', origin: 'value', input, key, value: undefined };
}

/** A value for a message: as it was written, or what it is. */
export function shown(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a mapping';
  if (typeof value !== 'string') return String(value);
  return quote(value);
}
