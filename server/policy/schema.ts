/**
 * What a policy file may say, and how each part of it is read into what the domain decides by. A message says
 * what is wrong and what it must be; where it stands is said by whoever tells it.
 */
import * as v from 'valibot';
import { parseByteSize } from '../byte-size';
import { Pattern } from '../domain/pattern';
import type { Criterion, IdRange, Rights, Scope } from '../domain/policy';
import { forEachResource } from '../domain/quota';
import type { Database, FindAccount } from './accounts-database';
import { MAX_ID, parseId, parseIdRange } from './ids';
import {
  anyNumberOf,
  isMapping,
  mapping,
  oneOrMore,
  parsed,
  pathItem,
  required,
  type Schema,
  sequence,
  shown,
} from './schema-parts';

/** A rule as the file has it. */
export interface FileRule {
  readonly name: string;
  readonly criteria: readonly Criterion[];
  /** Null keeps out. */
  readonly rights: Rights | null;
  readonly per: Scope;
}

/** What the file says as a whole. */
export interface FilePolicy {
  readonly rules: readonly FileRule[];
  /** For everybody else. */
  readonly default: Pick<FileRule, 'rights' | 'per'>;
}

/** The rules that stand around those of the file. */
const TAKEN_NAMES = ['administrators', 'everybody'];
const EVERYTHING = [new Pattern('**')];

/** Names of accounts are found by `findAccount`. */
export function policyFileSchema(findAccount: FindAccount): Schema<FilePolicy> {
  const rules = v.pipe(sequence(ruleSchema(findAccount), 'a list of rules'), uniqueNames());
  const file = mapping({
    version: required(
      parsed((value) => (value === 1 ? value : undefined), 'is not a version: write 1'),
    ),
    rules: v.optional(rules, []),
    default: required(v.lazy((input) => (isMapping(input) ? GIVE : DENY))),
  });
  return v.pipe(
    file,
    v.transform(({ rules, default: standard }) => ({ rules, default: standard })),
  );
}

function ruleSchema(findAccount: FindAccount): Schema<FileRule> {
  return v.pipe(
    mapping({
      name: required(NAME),
      match: required(matchSchema(findAccount)),
      allow: v.optional(ALLOW),
      deny: v.optional(
        parsed((value) => (value === true ? true : undefined), 'is not true: write true'),
      ),
      per: v.optional(PER, 'uid'),
    }),
    v.rawCheck(({ dataset, addIssue }) => {
      if (!isMapping(dataset.value)) return;
      const { allow, deny } = dataset.value;
      if (allow !== undefined && deny !== undefined) {
        addIssue({ message: 'has both allow and deny: write one of them' });
      }
      if (allow === undefined && deny === undefined) {
        addIssue({
          message: 'has neither allow nor deny: write allow with what it gives, or deny: true',
        });
      }
    }),
    v.transform(({ name, match, allow, per }) => ({
      name,
      criteria: match,
      rights: allow ?? null,
      per,
    })),
  );
}

function matchSchema(findAccount: FindAccount): Schema<readonly Criterion[]> {
  const account = (database: Database) => accountSchema(database, findAccount);
  return v.pipe(
    mapping({
      unit: v.optional(patterns('unit', UNIT)),
      cgroup: v.optional(patterns('cgroup', CGROUP)),
      container: v.optional(patterns('container', CONTAINER)),
      user: v.optional(ids('uid', account('passwd'))),
      uid: v.optional(ids('uid', ID_RANGE)),
      group: v.optional(ids('gid', account('group'))),
      gid: v.optional(ids('gid', ID_RANGE)),
    }),
    v.check(
      (match) => Object.keys(match).length > 0,
      'is empty: write at least one of unit, cgroup, container, user, uid, group and gid, or put it under default',
    ),
    v.transform((match) => Object.values(match).filter((criterion) => criterion !== undefined)),
  );
}

/** What a criterion takes, and how it was written. */
interface Named {
  readonly ids: IdRange;
  readonly wanted: string;
}

const NAME = parsed(
  parseRuleName,
  `is not a name for a rule: write 1 to 64 of a-z, 0-9 and -, in quotes if it is a number, and neither ${TAKEN_NAMES.join(' nor ')}`,
);

function parseRuleName(value: unknown): string | undefined {
  if (typeof value !== 'string' || TAKEN_NAMES.includes(value)) return undefined;
  return /^[a-z0-9-]{1,64}$/.test(value) ? value : undefined;
}

function ids(key: 'uid' | 'gid', one: Schema<Named>): Schema<Criterion> {
  return v.pipe(
    oneOrMore(one),
    v.transform((all) => ({
      key,
      ids: all.map((each) => each.ids),
      wanted: all.map(({ wanted }) => wanted).join(' or '),
    })),
  );
}

const ID_RANGE: Schema<Named> = parsed((value) => {
  const range = parseIdRange(value);
  return range === undefined ? undefined : { ids: range, wanted: String(value) };
}, `is not an id: write a number up to ${MAX_ID}, or a range such as 2000-2999`);

function accountSchema(database: Database, findAccount: FindAccount): Schema<Named> {
  return v.pipe(
    parsed(parseAccountName, 'is not a name: write the name of an account, or its number'),
    v.rawTransform(({ dataset: { value }, addIssue, NEVER }) => {
      if (typeof value === 'number') return only(value, String(value));
      const account = findAccount({ database, name: value });
      if ('id' in account) return only(account.id, `${value} (${account.id})`);
      addIssue({ message: `${shown(value)} ${account.problem}` });
      return NEVER;
    }),
  );
}

function only(id: number, wanted: string): Named {
  return { ids: { first: id, last: id }, wanted };
}

function parseAccountName(value: unknown): number | string | undefined {
  const id = parseId(value);
  if (id !== undefined) return id;
  return typeof value === 'string' && value !== '' && !/^\d+$/.test(value) ? value : undefined;
}

function patterns(key: 'unit' | 'cgroup' | 'container', one: Schema<Pattern>): Schema<Criterion> {
  return v.pipe(
    oneOrMore(one),
    v.transform((all) => ({
      key,
      patterns: all,
      wanted: all.map(({ text }) => text).join(' or '),
    })),
  );
}

/** A pattern that could never match is a mistake. */
function pattern(possible: RegExp, must: string): Schema<Pattern> {
  return parsed(
    (value) => (typeof value === 'string' && possible.test(value) ? new Pattern(value) : undefined),
    must,
  );
}

const UNIT = pattern(
  /^[^/]*[.*][^/]*$/,
  'is not a unit: write its whole name, such as camera.service; * stands for any characters',
);
const CGROUP = pattern(
  /^[/*]/,
  'is not a cgroup: write its path from the root, such as /system.slice/camera.service or /system.slice/**',
);
const CONTAINER = pattern(
  /^[^/]+$/,
  'is not the id of a container: write it, or "*" for any container',
);
const HEAP = pattern(/./, 'is not the name of a heap: write one such as system, or "*cma*"');
const PUBLISHED = pattern(
  /^[a-z0-9._/*-]+$/,
  'is not a published name: write parts of a-z, 0-9, ., _ and - joined by /, such as "camera0/*"; ** stands for any',
);

const SIZE = parsed(parseSize, 'is not a size: write 4096, 64K, 256M or 2G');
const SIZE_LIMIT = parsed(
  (value) => parseFair(value, parseSize),
  'is neither a size nor fair: write 4096, 64K, 256M or 2G, or fair for a fair share',
);
const COUNT_LIMIT = parsed(
  (value) => parseFair(value, parseCount),
  'is neither a number nor fair: write a whole number, or fair for a fair share',
);
const YES_OR_NO = parsed(
  (value) => (typeof value === 'boolean' ? value : undefined),
  'is neither true nor false: write one of them',
);
const ACCESS = parsed(
  (value) => (value === 'read' || value === 'read-write' ? value : undefined),
  'is not an access: write read or read-write',
);
const PER = parsed(
  parseScope,
  'is nothing that limits can count for: write uid, container or rule',
);

function parseSize(value: unknown): number | undefined {
  return typeof value === 'string' || typeof value === 'number'
    ? parseByteSize(String(value))
    : undefined;
}

function parseCount(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

/** Null is what the domain has for a fair share. */
function parseFair(
  value: unknown,
  parse: (value: unknown) => number | undefined,
): number | null | undefined {
  return value === 'fair' ? null : parse(value);
}

function parseScope(value: unknown): Scope | undefined {
  return value === 'uid' || value === 'container' || value === 'rule' ? value : undefined;
}

const ALLOW: Schema<Rights> = v.pipe(
  mapping({
    heaps: v.optional(anyNumberOf(HEAP)),
    'buffer-bytes': v.optional(SIZE),
    bytes: v.optional(SIZE_LIMIT),
    buffers: v.optional(COUNT_LIMIT),
    sessions: v.optional(COUNT_LIMIT),
    connections: v.optional(COUNT_LIMIT),
    leases: v.optional(COUNT_LIMIT),
    grants: v.optional(COUNT_LIMIT),
    calls: v.optional(COUNT_LIMIT),
    adopt: v.optional(YES_OR_NO),
    publish: v.optional(anyNumberOf(PUBLISHED)),
    open: v.optional(anyNumberOf(PUBLISHED)),
    access: v.optional(ACCESS),
    inspect: v.optional(YES_OR_NO),
  }),
  v.transform((allow) => ({
    heaps: allow.heaps ?? EVERYTHING,
    maxBufferBytes: allow['buffer-bytes'] ?? null,
    // Null is a fair share.
    limits: forEachResource((resource) => allow[resource] ?? null),
    mayAdopt: allow.adopt ?? false,
    publish: allow.publish ?? [],
    open: allow.open ?? EVERYTHING,
    access: allow.access ?? 'read-write',
    mayInspect: allow.inspect ?? false,
  })),
);

const GIVE: Schema<FilePolicy['default']> = v.pipe(
  mapping({ allow: required(ALLOW), per: v.optional(PER, 'uid') }),
  v.transform(({ allow, per }) => ({ rights: allow, per })),
);

const DENY: Schema<FilePolicy['default']> = parsed(
  (value) => (value === 'deny' ? ({ rights: null, per: 'uid' } as const) : undefined),
  'is not a default: write deny, or { allow: {} } with what everybody may',
);

function uniqueNames() {
  return v.rawCheck<FileRule[]>(({ dataset, addIssue }) => {
    if (!Array.isArray(dataset.value)) return;
    const seen = new Set<string>();
    for (const [index, rule] of dataset.value.entries()) {
      const name: unknown = isMapping(rule) ? rule['name'] : undefined;
      if (typeof name !== 'string') continue;
      if (seen.has(name)) {
        addIssue({
          message: `${shown(name)} is the name of an earlier rule: write another`,
          path: [pathItem(dataset.value, index), pathItem(rule, 'name')],
        });
      }
      seen.add(name);
    }
  });
}
