import { builtInPolicy } from '../../../../server/domain/built-in-policy';
import { Pattern } from '../../../../server/domain/pattern';
import type { Peer } from '../../../../server/domain/peer';
import {
  type Criterion,
  Policy,
  type Rights,
  type Rule,
  type Scope,
} from '../../../../server/domain/policy';
import { FAIR_SHARES } from '../../../../server/domain/quota';
import { Bench, NEVER, outcome, PAGE_BYTES, peer, refusal, sessionId, settle } from './fakes';

const RIGHTS: Rights = {
  heaps: [new Pattern('**')],
  maxBufferBytes: null,
  limits: FAIR_SHARES,
  mayAdopt: false,
  publish: [],
  open: [new Pattern('**')],
  access: 'read-write',
  mayInspect: false,
};

function rule(name: string, criteria: Criterion[], more: Partial<Rule> = {}): Rule {
  return { name, source: `test:${name}`, criteria, rights: RIGHTS, per: 'uid', ...more };
}

const uid = (first: number, last = first): Criterion => ({
  key: 'uid',
  ids: [{ first, last }],
  wanted: `${first}`,
});
const named = (key: 'cgroup' | 'unit' | 'container', ...patterns: string[]): Criterion => ({
  key,
  patterns: patterns.map((text) => new Pattern(text)),
  wanted: patterns.join(' or '),
});
const everybody = rule('everybody', []);

function decides(criteria: Criterion[], peerOf: Peer): boolean {
  return new Policy('test', [rule('it', criteria), everybody]).decide(peerOf).rule.name === 'it';
}

describe('a rule', () => {
  const alice: Peer = {
    ...peer(7, 1000),
    gid: 100,
    groups: [44, 45],
    cgroup: '/system.slice/camera.service',
    unit: 'camera.service',
    container: 'abc',
  };

  test.each<[string, Criterion, boolean]>([
    ['its uid', uid(1000), true],
    ['a range with its uid', uid(900, 1000), true],
    ['another uid', uid(1001, 2000), false],
    ['its group', { key: 'gid', ids: [{ first: 100, last: 100 }], wanted: '' }, true],
    ['a supplementary group', { key: 'gid', ids: [{ first: 45, last: 45 }], wanted: '' }, true],
    ['another group', { key: 'gid', ids: [{ first: 0, last: 43 }], wanted: '' }, false],
    ['its unit', named('unit', 'camera.service'), true],
    ['any of several units', named('unit', 'x.service', 'cam*'), true],
    ['another unit', named('unit', 'x.service'), false],
    ['its cgroup by a pattern', named('cgroup', '/system.slice/**'), true],
    ['any container', named('container', '*'), true],
  ])('by %s', (_, criterion, expected) => {
    expect(decides([criterion], alice)).toBe(expected);
  });

  test('needs all its criteria to hold', () => {
    expect(decides([uid(1000), named('unit', 'camera.service')], alice)).toBe(true);
    expect(decides([uid(1000), named('unit', 'x.service')], alice)).toBe(false);
  });

  test('by what is not attested holds of nobody, whatever its pattern', () => {
    const unknown = { ...alice, cgroup: '', unit: '', container: '' };
    for (const key of ['cgroup', 'unit', 'container'] as const) {
      expect(decides([named(key, '**')], unknown)).toBe(false);
    }
  });

  test('that comes first decides alone', () => {
    const policy = new Policy('test', [rule('a', [uid(1000)]), rule('b', [uid(1000)]), everybody]);
    expect(policy.decide(alice).rule.name).toBe('a');
    expect(policy.decide(peer(1, 5)).rule.name).toBe('everybody');
  });

  test.each<[Scope, string]>([
    ['uid', 'uid 1000'],
    ['container', 'container abc'],
    ['rule', 'rule it'],
  ])('that counts per %s charges %s', (per, account) => {
    const policy = new Policy('test', [rule('it', [uid(1000)], { per }), everybody]);
    expect(policy.decide(alice).account).toBe(account);
  });

  test('that counts per container charges a peer in none by its uid', () => {
    const policy = new Policy('test', [rule('it', [], { per: 'container' })]);
    expect(policy.decide({ ...alice, container: '' }).account).toBe('uid 1000');
  });

  test('is explained with what did not hold of the ones before it', () => {
    const policy = new Policy('test', [
      rule('player', [uid(1000), named('unit', 'player.service')]),
      rule('camera', [uid(1000)]),
      everybody,
    ]);
    expect(policy.explain(alice).map(({ rule: { name }, failed }) => [name, failed])).toEqual([
      ['player', 'unit is "camera.service", not player.service'],
      ['camera', null],
    ]);
  });

  test('is needed that holds of everybody, at the end', () => {
    expect(() => new Policy('test', [rule('it', [uid(1)])])).toThrow('must hold of everybody');
  });
});

describe('the built-in policy', () => {
  const policy = builtInPolicy(500);
  const ruleOf = (who: Peer) => policy.decide(who).rule.name;

  test('knows root and the daemon’s own user as administrators', () => {
    expect(ruleOf(peer(1, 0))).toBe('administrators');
    expect(ruleOf(peer(1, 500))).toBe('administrators');
    expect(ruleOf(peer(1, 1000))).toBe('everybody');
  });

  test('does not know a container’s root as one, although its uid may be 0 to the kernel too', () => {
    expect(policy.decide(peer(1, 0)).account).toBe('administrator uid 0');
    expect(policy.decide({ ...peer(1, 0), isContained: true }).account).toBe('contained uid 0');
    const contained = { ...peer(1, 0), isContained: true, container: 'abc' };
    expect(policy.decide(contained)).toMatchObject({
      rule: { name: 'everybody' },
      account: 'container abc',
    });
  });
});

describe('what the policy does not give', () => {
  function bench(rights: Partial<Rights> | null, more: Partial<Rule> = {}) {
    const given = rights === null ? null : { ...RIGHTS, ...rights };
    return new Bench({}, new Policy('test', [rule('all', [], { rights: given, ...more })]));
  }
  const TERMS = {
    access: null,
    audience: { uid: null, gid: null, cgroup: null },
    timeToLiveMs: null,
    maxUses: null,
  };

  test('is a session for whom it keeps out, and the answer names the rule', async () => {
    const kept = bench(null);
    const open = () => kept.broker.openSession(sessionId(1), peer(1));
    expect(await refusal(open)).toBe(
      'permission-denied: pid 1 (uid 1000, "client1") is kept out by rule all (test:all) of the policy',
    );
    expect(kept.broker.totals().sessions).toBe(0);
  });

  test('is memory of a heap that it does not name', async () => {
    const confined = bench({ heaps: [new Pattern('cma*')] });
    expect(await refusal(() => confined.allocate(confined.open(1)))).toContain(
      'may not allocate from heap system: rule all (test:all)',
    );
  });

  test('is a larger buffer than it says', async () => {
    const confined = bench({ maxBufferBytes: PAGE_BYTES });
    expect(await refusal(() => confined.allocate(confined.open(1), PAGE_BYTES + 1))).toContain(
      'the policy gives buffers of 1 to 4096 bytes',
    );
  });

  test('is more than its limit, however much is free', async () => {
    const confined = bench({ limits: { ...FAIR_SHARES, bytes: 2 * PAGE_BYTES } });
    const session = confined.open(1);
    await confined.allocate(session, 2 * PAGE_BYTES);
    expect(await refusal(() => confined.allocate(session, 1))).toContain(
      'uid 1000 holds 8192 of at most 8192, 4096 more do not fit',
    );
  });

  test('is a name to publish or to open', async () => {
    const confined = bench({ publish: [new Pattern('mine/*')], open: [new Pattern('mine/*')] });
    const session = confined.open(1);
    const { id } = await confined.allocate(session);
    const share = (name: string) =>
      outcome(() => confined.broker.shares.share(session, { ...TERMS, bufferId: id, name }));
    expect(await share('mine/a')).toBe('ok');
    expect(await share('theirs/a')).toBe('permission-denied');
    const open = (name: string) => outcome(() => confined.broker.shares.open(session, { name }));
    expect(await open('mine/a')).toBe('ok');
    expect(await open('theirs/a')).toBe('permission-denied');
  });

  test('is to write what others share, whatever their grant gives', async () => {
    const confined = bench({ publish: [new Pattern('**')], access: 'read' });
    const [owner, reader] = [confined.open(1), confined.open(2)];
    const { id } = await confined.allocate(owner);
    const { secret } = confined.broker.shares.share(owner, { ...TERMS, bufferId: id, name: null });
    confined.broker.shares.share(owner, { ...TERMS, bufferId: id, name: 'a' });
    expect(confined.broker.shares.open(reader, { name: 'a' }).access).toBe('read');
    const again = confined.broker.shares.open(reader, { secret: secret ?? new Uint8Array() });
    expect(again.access).toBe('read');
    const begin = () => confined.broker.buffers.beginCpuAccess(reader, id, 'write', NEVER);
    expect(await outcome(begin)).toBe('permission-denied');
  });

  test('is a look at what others hold', async () => {
    const bench1 = bench({});
    const caller = { peer: peer(1), sessionId: bench1.open(1) };
    expect(await outcome(() => bench1.broker.buffers.listAll(caller, 0, 1))).toBe(
      'permission-denied',
    );
    const bench2 = bench({ mayInspect: true });
    const inspector = { peer: peer(1), sessionId: null };
    expect(bench2.broker.buffers.listAll(inspector, 0, 1)).toEqual([]);
  });
});

describe('a policy that is replaced', () => {
  test('leaves leases as they are, and decides from the next request on', async () => {
    const bench = new Bench();
    const session = bench.open(1);
    const { id } = await bench.allocate(session);
    bench.policy.replace(new Policy('strict', [rule('all', [], { rights: null })]));
    expect(bench.table.rows.size).toBe(1);
    await bench.broker.buffers.beginCpuAccess(session, id, 'write', NEVER);
    await bench.broker.buffers.endCpuAccess(session, id);
    expect(await outcome(() => bench.allocate(session))).toBe('permission-denied');
    bench.broker.buffers.release(session, id);
    await settle();
    expect(bench.broker.totals()).toMatchObject({ buffers: 0, chargedBytes: 0 });
  });
});
