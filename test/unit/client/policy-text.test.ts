import { subjectOf } from '../../../client/cli/commands/policy';
import { renderExplanation, renderPolicy } from '../../../client/cli/policy-text';
import type { PolicyExplanation, PolicyLimit, PolicyRights } from '../../../client/policy';

const LIMITS: PolicyLimit[] = [
  { resource: 'bytes', kind: 'amount', amount: 256 * 2 ** 20 },
  { resource: 'buffers', kind: 'amount', amount: 64 },
  { resource: 'sessions', kind: 'fair-share', amount: null },
  { resource: 'leases', kind: 'fair-share', amount: null },
  { resource: 'grants', kind: 'unlimited', amount: null },
];
const RIGHTS: PolicyRights = {
  heaps: ['system', '*cma*'],
  maxBufferBytes: 64 * 2 ** 20,
  limits: LIMITS,
  mayAdopt: true,
  publish: [],
  open: ['**'],
  access: 'read-write',
  mayInspect: false,
};

test('a policy is printed rule by rule: whom each holds of, and what it gives', () => {
  const lines = renderPolicy({
    source: '/etc/dmabufd/policy.yaml',
    rules: [
      {
        name: 'camera',
        source: '/etc/dmabufd/policy.yaml:4',
        criteria: ['unit camera.service', 'uid alice (1000) or 2000-2999'],
        rights: RIGHTS,
        per: 'rule',
      },
      {
        name: 'everybody',
        source: '/etc/dmabufd/policy.yaml:9',
        criteria: [],
        rights: null,
        per: 'uid',
      },
    ],
  });
  expect(lines.join('\n')).toBe(`\
/etc/dmabufd/policy.yaml: the first rule that holds of a process decides

1. camera (/etc/dmabufd/policy.yaml:4)
   holds of:      unit camera.service, and uid alice (1000) or 2000-2999
   allocate from: system, *cma*
   buffers up to: 64.0 MiB
   adopt:         yes
   publish:       none
   open:          all, for read-write
   inspect:       no
   at most:       256.0 MiB, 64 buffers, fair shares of sessions, leases, all there is of grants
   counted per:   rule

2. everybody (/etc/dmabufd/policy.yaml:9)
   holds of: everybody
   may:      nothing: it is kept out`);
});

describe('an explanation', () => {
  const explanation: PolicyExplanation = {
    peer: {
      pid: 1234,
      uid: 1000,
      gid: 1000,
      groups: [44],
      comm: 'viewer',
      cgroup: '/user.slice/x.scope',
      unit: 'x.scope',
      container: '',
      isContained: false,
    },
    steps: [
      { rule: 'camera', source: 'p.yaml:4', failedReason: 'unit is "x.scope", not camera.service' },
      { rule: 'everybody', source: 'p.yaml:9', failedReason: null },
    ],
    rights: { ...RIGHTS, maxBufferBytes: null },
    account: 'uid 1000',
    usages: [
      { resource: 'bytes', held: 4096, limit: 2 ** 30, kind: 'fair-share' },
      { resource: 'buffers', held: 1, limit: 64, kind: 'amount' },
    ],
  };

  test('tells who it is of, why which rule decides, what it gives and what is held of it', () => {
    expect(renderExplanation(explanation).join('\n')).toBe(`\
process:   1234 (viewer) uid 1000
groups:    1000, 44
cgroup:    /user.slice/x.scope
unit:      x.scope
container: -

RULE       HOLDS                                      FROM
camera     no: unit is "x.scope", not camera.service  p.yaml:4
everybody  decides                                    p.yaml:9

allocate from: system, *cma*
buffers up to: what the daemon allows
adopt:         yes
publish:       none
open:          all, for read-write
inspect:       no

what uid 1000 holds:
RESOURCE     HELD  AT MOST
bytes     4.0 KiB  1.0 GiB  a fair share, now
buffers         1       64`);
  });

  test('says of one that is kept out that it is, and sends no control characters', () => {
    const [deny] = [{ ...explanation, rights: null, account: 'container \u001b[31m' }];
    const text = renderExplanation(deny).join('\n');
    expect(text).toContain('may: nothing: it is kept out');
    expect(text).toContain('what container \\u{1b}[31m holds:');
  });
});

test('explain is asked of a process, of one that would be like this, or of oneself', () => {
  expect(subjectOf({ pid: 7 })).toEqual({ pid: 7 });
  expect(subjectOf({ uid: 1, groups: [2], cgroup: '/a' })).toEqual({
    uid: 1,
    groups: [2],
    cgroup: '/a',
  });
  expect(subjectOf({})).toBeNull();
});
