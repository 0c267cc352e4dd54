import fc from 'fast-check';
import { stringify } from 'yaml';
import type { Policy, Rule } from '../../../../server/domain/policy';
import { parsePolicy } from '../../../../server/policy/parse-policy';
import { PolicyFileError } from '../../../../server/policy/problems';
import { peer } from '../domain/fakes';

const DAEMON_UID = 500;
const parse = (text: string): Promise<Policy> => parsePolicy(text, 'p.yaml', DAEMON_UID);

/** What is wrong with a file, without its name. */
async function problemsOf(text: string): Promise<string[]> {
  try {
    await parse(text);
    return [];
  } catch (error) {
    if (!(error instanceof PolicyFileError)) throw error;
    return error.lines.map((line) => line.replace(/^p\.yaml:/, ''));
  }
}

/** A file that is right but for what is in its one rule. */
const rule = (...lines: string[]) =>
  [
    'version: 1',
    'rules:',
    '  - name: a',
    ...lines.map((line) => `    ${line}`),
    'default: deny',
  ].join('\n');
const MATCH = 'match: { uid: 1 }';
const allow = (text: string) => rule(MATCH, `allow: { ${text} }`);
const match = (text: string) => rule(`match: { ${text} }`, 'allow: {}');

describe('a policy file', () => {
  const FULL = `
version: 1
rules:
  - name: camera
    match:
      unit: [camera.service, "camera@*.service"]
      cgroup: /system.slice/**
      container: "*"
      user: root
      uid: [1000, 2000-2999]
      group: [root, 44]
      gid: 7
    allow:
      heaps: [system, "*cma*"]
      buffer-bytes: 64M
      bytes: 256M
      buffers: 64
      sessions: 4
      connections: 5
      leases: 256
      grants: fair
      calls: 0
      adopt: true
      publish: "camera0/*"
      open: []
      inspect: true
    per: rule
  - name: guests
    match: { uid: 4294967294 }
    deny: true
default: { allow: { bytes: 4096 }, per: container }
`;

  test('has its rules in order, then the administrators’, then the one for everybody else', async () => {
    const { source, rules } = await parse(FULL);
    expect(source).toBe('p.yaml');
    expect(rules.map((each) => [each.name, each.source])).toEqual([
      ['camera', 'p.yaml:4'],
      ['guests', 'p.yaml:28'],
      ['administrators', 'built in'],
      ['everybody', 'p.yaml:31'],
    ]);
  });

  test('gives what it says', async () => {
    const [camera, guests, , everybody] = (await parse(FULL)).rules;
    expect(camera?.rights).toMatchObject({
      heaps: [{ text: 'system' }, { text: '*cma*' }],
      maxBufferBytes: 64 * 2 ** 20,
      limits: {
        bytes: 256 * 2 ** 20,
        buffers: 64,
        sessions: 4,
        connections: 5,
        leases: 256,
        grants: null,
        calls: 0,
      },
      mayAdopt: true,
      publish: [{ text: 'camera0/*' }],
      open: [],
      access: 'read-write',
      mayInspect: true,
    });
    expect(camera?.per).toBe('rule');
    expect(guests?.rights).toBeNull();
    expect(everybody).toMatchObject({ rights: { limits: { bytes: 4096 } }, per: 'container' });
  });

  test('tells accounts by number, and what was written', async () => {
    const [camera] = (await parse(FULL)).rules;
    expect(camera?.criteria).toMatchObject([
      { key: 'unit', wanted: 'camera.service or camera@*.service' },
      { key: 'cgroup', wanted: '/system.slice/**' },
      { key: 'container', wanted: '*' },
      { key: 'uid', ids: [{ first: 0, last: 0 }], wanted: 'root (0)' },
      {
        key: 'uid',
        ids: [{ first: 1000 }, { first: 2000, last: 2999 }],
        wanted: '1000 or 2000-2999',
      },
      { key: 'gid', ids: [{ first: 0 }, { first: 44, last: 44 }], wanted: 'root (0) or 44' },
      { key: 'gid', ids: [{ first: 7, last: 7 }] },
    ]);
  });

  test('gives, where it does not say, fair shares of all heaps and names, and no more', async () => {
    const [only] = (await parse(rule(MATCH, 'allow: {}'))).rules;
    expect(only?.rights).toMatchObject({
      heaps: [{ text: '**' }],
      maxBufferBytes: null,
      limits: { bytes: null, buffers: null, sessions: null, leases: null, grants: null },
      mayAdopt: false,
      publish: [],
      open: [{ text: '**' }],
      access: 'read-write',
      mayInspect: false,
    });
    expect(only?.per).toBe('uid');
  });

  test('decides as it is read', async () => {
    const policy = await parse(rule('match: { uid: 1000-1001, gid: 1001 }', 'deny: true'));
    expect(policy.decide(peer(1, 1001)).rule.name).toBe('a');
    expect(policy.decide(peer(1, 1000)).rule.name).toBe('everybody');
    expect(policy.decide(peer(1, DAEMON_UID)).rule.name).toBe('administrators');
  });

  test('may have only a default', async () => {
    expect((await parse('{ version: 1, default: deny }')).rules).toHaveLength(2);
  });
});

describe('what is wrong with a policy file is told with its line, its key and what it must be:', () => {
  test.each<[string, string, string]>([
    // The whole.
    [
      'an empty file',
      '',
      '1: nothing is not a mapping: write one with any of version, rules, default',
    ],
    ['a list', '[]', '1: a list is not a mapping: write one with any of version, rules, default'],
    ['no version', 'default: deny', '1: version: nothing is not a version: write 1'],
    ['another version', 'default: deny\nversion: 2', '2: version: 2 is not a version: write 1'],
    [
      'no default',
      'version: 1',
      '1: default: nothing is not a default: write deny, or { allow: {} }',
    ],
    [
      'another default',
      'version: 1\ndefault: allow',
      '2: default: "allow" is not a default: write deny',
    ],
    [
      'a default that gives nothing',
      'version: 1\ndefault: {}',
      '2: default.allow: nothing is not a mapping',
    ],
    [
      'a key that is mistyped',
      'version: 1\ndefualt: deny\ndefault: deny',
      '2: defualt: is not known here: write one of version, rules, default',
    ],
    [
      'a key with a line feed',
      'version: 1\ndefault: deny\n"a\\nb": 1',
      '3: ["a\\nb"]: is not known here',
    ],
    [
      'a key of every object',
      'version: 1\ndefault: deny\nconstructor: 1',
      '3: constructor: is not known here',
    ],
    [
      'rules that are none',
      'version: 1\ndefault: deny\nrules:',
      '3: rules: nothing is not a list of rules: write [] for none',
    ],
    [
      'a rule that is none',
      'version: 1\ndefault: deny\nrules:\n- x',
      '4: rules[0]: "x" is not a mapping: write one with any of name, match, allow, deny, per',
    ],
    // YAML.
    [
      'a key twice',
      'version: 1\ndefault: deny\nversion: 1',
      '3: it is not YAML as it is taken here: Map keys must be unique',
    ],
    ['no YAML', 'version: 1\n]', '2: it is not YAML as it is taken here: '],
    [
      'two documents',
      'version: 1\ndefault: deny\n---\na: 1',
      '3: it is not YAML as it is taken here: ',
    ],
    [
      'a tag',
      'version: !one 1\ndefault: deny',
      '1: it is not YAML as it is taken here: Unresolved tag: !one',
    ],
    [
      'a key that is a list',
      'version: 1\ndefault: deny\n[a]: 1',
      '3: it is not YAML as it is taken here: With stringKeys, all keys must be strings',
    ],
    [
      'a pattern that YAML takes for an alias',
      allow('heaps: *cma*'),
      '5: *cma* is an alias of YAML, which is not taken here: write a pattern in quotes, "*cma*"',
    ],
    [
      'an asterisk alone',
      match('container: *'),
      '4: * is an alias of YAML, which is not taken here: write a pattern in quotes, "*"',
    ],
    [
      'nesting without end',
      `version: 1\n${'default: {a: '.repeat(5000)}`,
      '2: is nested deeper than 50 levels: a policy has five',
    ],
    [
      'lists in lists in lists',
      `version: ${'\n- '.repeat(2)}${'- '.repeat(20_000)}`,
      '3: is nested deeper than 50 levels',
    ],
    // A rule.
    [
      'no name',
      'version: 1\ndefault: deny\nrules:\n  - match: { uid: 1 }\n    deny: true',
      '4: rules[0].name: nothing is not a name for a rule: write 1 to 64 of a-z, 0-9 and -',
    ],
    [
      'a name with a capital',
      rule(MATCH, 'deny: true').replace('name: a', 'name: A'),
      '3: rules[0].name: "A" is not a name for a rule',
    ],
    [
      'a name that is a number',
      rule(MATCH, 'deny: true').replace('name: a', 'name: 7'),
      '3: rules[0].name: 7 is not a name for a rule',
    ],
    [
      'a name of ours',
      rule(MATCH, 'deny: true').replace('name: a', 'name: everybody'),
      'and neither administrators nor everybody',
    ],
    [
      'a name twice',
      `${rule(MATCH, 'deny: true').replace('default: deny', '')}  - { name: a, ${MATCH}, deny: true }\ndefault: deny`,
      '6: rules[1].name: "a" is the name of an earlier rule: write another',
    ],
    [
      'no match',
      rule('deny: true'),
      '3: rules[0].match: nothing is not a mapping: write one with any of unit',
    ],
    [
      'an empty match',
      rule('match: {}', 'deny: true'),
      '4: rules[0].match: is empty: write at least one of unit',
    ],
    ['neither allow nor deny', rule(MATCH), '3: rules[0]: has neither allow nor deny: write'],
    [
      'both',
      rule(MATCH, 'allow: {}', 'deny: true'),
      '3: rules[0]: has both allow and deny: write one of them',
    ],
    ['deny: false', rule(MATCH, 'deny: false'), '5: rules[0].deny: false is not true: write true'],
    [
      'allow without anything',
      rule(MATCH, 'allow:'),
      '5: rules[0].allow: nothing is not a mapping',
    ],
    [
      'another scope',
      rule(MATCH, 'allow: {}', 'per: pid'),
      '6: rules[0].per: "pid" is nothing that limits can count for: write uid, container or rule',
    ],
    // What it matches.
    [
      'an unknown criterion',
      match('pid: 1'),
      '4: rules[0].match.pid: is not known here: write one of unit, cgroup, container, user, uid, group, gid',
    ],
    [
      'a unit without its type',
      match('unit: camera'),
      '4: rules[0].match.unit: "camera" is not a unit: write its whole name, such as camera.service',
    ],
    [
      'a cgroup that is no path',
      match('cgroup: system.slice'),
      '4: rules[0].match.cgroup: "system.slice" is not a cgroup: write its path from the root',
    ],
    [
      'a container that is a path',
      match('container: a/b'),
      '4: rules[0].match.container: "a/b" is not the id of a container',
    ],
    ['no value', match('uid:'), '4: rules[0].match.uid: nothing is not an id'],
    [
      'no values',
      match('uid: []'),
      '4: rules[0].match.uid: is an empty list: write what may match',
    ],
    [
      'an id that is none',
      match('uid: [1, 4294967295]'),
      '4: rules[0].match.uid[1]: 4294967295 is not an id: write a number up to 4294967294, or a range such as 2000-2999',
    ],
    ['an id below 0', match('gid: -1'), '4: rules[0].match.gid: -1 is not an id'],
    ['a range that runs backwards', match('uid: 2-1'), '4: rules[0].match.uid: "2-1" is not an id'],
    ['a range of three', match('uid: 1-2-3'), '4: rules[0].match.uid: "1-2-3" is not an id'],
    [
      'a user that is not known',
      match('user: no-such-user'),
      '4: rules[0].match.user: "no-such-user" is not in the passwd database: write a name that is, or a number',
    ],
    [
      'a group that is not known',
      match('group: [root, no-such-group]'),
      '4: rules[0].match.group[1]: "no-such-group" is not in the group database',
    ],
    [
      'a name that getent takes for an option, which has it list everybody',
      match('user: -sfiles'),
      '4: rules[0].match.user: "-sfiles" is not in the passwd database',
    ],
    [
      'a name of more than one field',
      match('user: "root:x"'),
      '4: rules[0].match.user: "root:x" is not in the passwd database',
    ],
    [
      'a user beyond all numbers',
      match('user: 4294967295'),
      '4: rules[0].match.user: 4294967295 is not a name: write the name of an account, or its number',
    ],
    // What it gives.
    [
      'a size that is none',
      allow('buffer-bytes: 64 gigs'),
      '5: rules[0].allow.buffer-bytes: "64 gigs" is not a size: write 4096, 64K, 256M or 2G',
    ],
    [
      'a size with a fraction',
      allow('buffer-bytes: 1.5'),
      '5: rules[0].allow.buffer-bytes: 1.5 is not a size',
    ],
    [
      'a size that cannot be counted',
      allow('bytes: 99999999T'),
      '5: rules[0].allow.bytes: "99999999T" is neither a size nor fair: write 4096, 64K, 256M or 2G, or fair for a fair share',
    ],
    [
      'a number that is none',
      allow('buffers: 4K'),
      '5: rules[0].allow.buffers: "4K" is neither a number nor fair: write a whole number, or fair for a fair share',
    ],
    [
      'a number below 0',
      allow('leases: -1'),
      '5: rules[0].allow.leases: -1 is neither a number nor fair',
    ],
    [
      'yes',
      allow('adopt: yes'),
      '5: rules[0].allow.adopt: "yes" is neither true nor false: write one of them',
    ],
    [
      'a name that cannot be published',
      allow('publish: ["a", "Camera/*"]'),
      '5: rules[0].allow.publish[1]: "Camera/*" is not a published name: write parts of a-z, 0-9, ., _ and - joined by /',
    ],
    [
      'a heap that is none',
      allow('heaps: 7'),
      '5: rules[0].allow.heaps: 7 is not the name of a heap',
    ],
    [
      'a right that is mistyped',
      allow('publsh: a'),
      '5: rules[0].allow.publsh: is not known here: write one of heaps, buffer-bytes, bytes, buffers, sessions, connections, leases, grants, calls, adopt, publish, open, access, inspect',
    ],
    [
      'a long value',
      allow(`buffer-bytes: ${'x'.repeat(1000)}`),
      `"${'x'.repeat(60)}…" is not a size`,
    ],
  ])('%s', async (_what, text, told) => {
    const problems = await problemsOf(text);
    expect(problems.join('\n')).toContain(told);
  });

  test('all of it at once, in the order of the file', async () => {
    const text = rule(
      'match: { uid: x, user: nobody-here, cgroup: x, unit: *x }',
      'allow: { bytes: y, a: 1, b: 2 }',
      'per: z',
    );
    const lines = (await problemsOf(text)).map((line) => line.split(': ').slice(0, 2).join(' '));
    expect(lines).toEqual([
      '4 *x is an alias of YAML, which is not taken here',
      '4 rules[0].match.cgroup',
      '4 rules[0].match.user',
      '4 rules[0].match.uid',
      '5 rules[0].allow.bytes',
      '5 rules[0].allow.a',
      '5 rules[0].allow.b',
      '6 rules[0].per',
    ]);
  });

  test('but of a file that is something else altogether not all', async () => {
    const problems = await problemsOf(`rules: [${'1,'.repeat(1000)}]`);
    expect(problems).toHaveLength(101);
    expect(problems.at(-1)).toBe(' and 902 more');
  });
});

describe('whatever is in a file,', () => {
  /** A policy, or all that is wrong; nothing else is ever thrown. */
  const isAnswered = async (text: string) => {
    const problems = await problemsOf(text);
    for (const problem of problems) expect(problem).toMatch(/^\d+: [^\n]+$|^ /);
  };
  /** Values that come near to a policy, too. */
  const near = fc.letrec((tie) => ({
    value: fc.oneof(
      { depthSize: 'small' },
      fc.constantFrom<unknown>('deny', 'fair', true, 1, null, '1-2', '64M', '**'),
      fc.jsonValue(),
      tie('mapping'),
      fc.array(tie('value'), { maxLength: 3 }),
    ),
    mapping: fc.dictionary(
      fc.constantFrom(
        'version',
        'rules',
        'default',
        'name',
        'match',
        'allow',
        'deny',
        'per',
        'uid',
        'gid',
        'unit',
        'cgroup',
        'bytes',
        'buffers',
        'heaps',
        'open',
        '__proto__',
      ),
      tie('value'),
      { maxKeys: 6 },
    ),
  }));

  test('as JSON, it is a policy or it is told what is wrong', async () => {
    const files = fc.oneof(
      fc.json(),
      near.mapping.map((value) => JSON.stringify(value)),
    );
    await fc.assert(fc.asyncProperty(files, isAnswered));
  });

  test('as text, too', async () => {
    const snippets = fc.constantFrom(
      'version: 1',
      'rules:',
      '  - name: a',
      'default: deny',
      '*a',
      '&a',
      '!!x',
      '{',
      '[',
      '- ',
      ': ',
      '\t',
      '"',
      '|',
      '?',
      '%YAML 1.1',
      '---',
      '#',
    );
    const texts = fc.array(fc.oneof(snippets, fc.string({ unit: 'binary' })), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(
        texts.map((lines) => lines.join('\n')),
        isAnswered,
      ),
    );
  });
});

test('a policy that is written down is read as it was meant', async () => {
  const id = fc.integer({ min: 0, max: 2 ** 32 - 2 });
  const limit = fc.option(fc.nat());
  const written = fc.record({
    name: fc
      .stringMatching(/^[a-z0-9-]{1,64}$/)
      .filter((name) => name !== 'everybody' && name !== 'administrators'),
    uid: fc.array(id, { minLength: 1, maxLength: 3 }),
    bytes: limit,
    leases: limit,
    adopt: fc.boolean(),
    publish: fc.array(fc.stringMatching(/^[a-z*][a-z/*]{0,8}$/), { maxLength: 3 }),
    per: fc.constantFrom('uid', 'container', 'rule'),
  });
  const policies = fc.uniqueArray(written, { selector: ({ name }) => name, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(policies, async (all) => {
      const rules = all.map(({ name, uid, bytes, leases, adopt, publish, per }) => ({
        name,
        match: { uid },
        allow: { bytes: bytes ?? 'fair', leases: leases ?? 'fair', adopt, publish },
        per,
      }));
      const read = await parse(stringify({ version: 1, rules, default: 'deny' }));
      expect(read.rules.slice(0, -2).map(summarize)).toEqual(
        all.map((each) => ({ ...each, uid: each.uid.map((first) => ({ first, last: first })) })),
      );
    }),
  );
});

function summarize({ name, criteria, rights, per }: Rule) {
  const [criterion] = criteria;
  return {
    name,
    uid: criterion?.key === 'uid' ? criterion.ids : null,
    bytes: rights?.limits.bytes,
    leases: rights?.limits.leases,
    adopt: rights?.mayAdopt,
    publish: rights?.publish.map(({ text }) => text),
    per,
  };
}
