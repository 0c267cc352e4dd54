import type { Event, EventFeed } from '../../../../server/domain/events';
import {
  Bench,
  FakeMemory,
  LIMITS,
  NEVER,
  outcome,
  PAGE_BYTES,
  peer,
  refusal,
  settle,
} from './fakes';

const EVERYBODY = { uid: null, gid: null, cgroup: null };
const TERMS = { access: null, audience: EVERYBODY, timeToLiveMs: null, maxUses: null } as const;
const root = { peer: peer(99, 0), sessionId: null };

describe('allocating', () => {
  test('charges what the kernel gives, and returns it with the last lease', async () => {
    const bench = new Bench();
    const session = bench.open(1);
    const { id, sizeBytes } = await bench.allocate(session, 5000);
    expect(sizeBytes).toBe(2 * PAGE_BYTES);
    expect(bench.broker.totals().chargedBytes).toBe(2 * PAGE_BYTES);
    bench.broker.buffers.release(session, id);
    await settle();
    expect(bench.broker.totals().chargedBytes).toBe(0);
  });

  test.each([0, LIMITS.maxBufferBytes + 1])(
    'refuses %d bytes and names the limit',
    async (sizeBytes) => {
      const bench = new Bench();
      const session = bench.open(1);
      expect(await refusal(() => bench.allocate(session, sizeBytes))).toBe(
        `invalid-argument: size_bytes is ${sizeBytes}; the daemon gives buffers of 1 to ${LIMITS.maxBufferBytes} bytes`,
      );
    },
  );

  test('says which limit is reached, how much is held and how much was asked', async () => {
    const bench = new Bench({ maxBytes: 6 * PAGE_BYTES });
    const session = bench.open(1);
    await bench.allocate(session, 2 * PAGE_BYTES);
    expect(await refusal(() => bench.allocate(session, 2 * PAGE_BYTES))).toBe(
      "resource-exhausted: bytes: uid 1000 holds 8192 of at most 12288 (its fair share now), 8192 more do not fit: release some, or have the policy or the daemon's limits changed",
    );
    expect(await outcome(() => bench.allocate(bench.open(2, 1001), PAGE_BYTES))).toBe('ok');
  });

  test('counts buffers too', async () => {
    const bench = new Bench({ maxBuffers: 1 });
    const session = bench.open(1, 0);
    await bench.allocate(session);
    expect(await refusal(() => bench.allocate(session))).toContain(
      'buffers: administrator uid 0 holds 1 of at most 1, 1 more do not fit',
    );
  });

  test('gives the memory back if the session ends while the heap is at work', async () => {
    const bench = new Bench();
    const session = bench.open(1);
    bench.kernel.isStalled = true;
    const allocating = outcome(() => bench.allocate(session));
    bench.broker.closeSession(session, 'killed');
    bench.kernel.resume();
    expect(await allocating).toBe('cancelled');
    expect(bench.kernel.openMemories).toEqual([]);
    expect(bench.broker.totals().chargedBytes).toBe(0);
  });

  test('gives the memory back if the call is cancelled while the heap is at work', async () => {
    const bench = new Bench();
    const session = bench.open(1);
    bench.kernel.isStalled = true;
    const cancel = new AbortController();
    const request = { heap: '', sizeBytes: 1, label: '' };
    const allocating = outcome(() => bench.broker.intake.allocate(session, request, cancel.signal));
    cancel.abort();
    bench.kernel.resume();
    expect(await allocating).toBe('cancelled');
    expect(bench.kernel.openMemories).toEqual([]);
  });

  test('returns the charge when the heap fails', async () => {
    const bench = new Bench();
    const session = bench.open(1);
    bench.heap.failNext = new Error('ENOMEM');
    await expect(bench.allocate(session)).rejects.toThrow('ENOMEM');
    expect(bench.broker.totals().chargedBytes).toBe(0);
  });

  test.each([
    ['x'.repeat(32), 'label is 32 bytes long; the kernel keeps at most 31 bytes of UTF-8'],
    ['é'.repeat(16), 'label is 32 bytes long; the kernel keeps at most 31 bytes of UTF-8'],
    ['a\nb', 'label "a\\nb" has a control character or is not valid Unicode'],
    ['\ud800', 'label "\\ud800" has a control character or is not valid Unicode'],
  ])('refuses the label %j', async (label, message) => {
    const bench = new Bench();
    const session = bench.open(1);
    const request = { heap: '', sizeBytes: 1, label };
    const allocate = () => bench.broker.intake.allocate(session, request, NEVER);
    expect(await refusal(allocate)).toBe(`invalid-argument: ${message}`);
  });

  test('refuses an unknown heap and names those that there are', async () => {
    const bench = new Bench();
    const request = { heap: 'nope', sizeBytes: 1, label: '' };
    const allocate = () => bench.broker.intake.allocate(bench.open(1), request, NEVER);
    expect(await refusal(allocate)).toBe(
      'invalid-argument: heap "nope" is unknown; there are: system',
    );
  });
});

describe('adopting', () => {
  const how = { label: '', exporter: 'camera' };

  test('makes one buffer of the same memory, however often it comes', () => {
    const bench = new Bench();
    const session = bench.open(1);
    const first = bench.broker.intake.adopt(
      session,
      new FakeMemory(bench.kernel, 4096, 'read-write', 77),
      how,
    );
    const second = new FakeMemory(bench.kernel, 4096, 'read-write', 77);
    expect(bench.broker.intake.adopt(session, second, how).id).toBe(first.id);
    expect(second.closed).toBe(true);
    expect(bench.broker.totals()).toMatchObject({ buffers: 1, leases: 1, chargedBytes: 4096 });
  });

  test('gives nobody a buffer of another session, nor its id', async () => {
    const bench = new Bench();
    bench.broker.intake.adopt(
      bench.open(1),
      new FakeMemory(bench.kernel, 4096, 'read-write', 77),
      how,
    );
    const other = new FakeMemory(bench.kernel, 4096, 'read-write', 77);
    const adopt = () => bench.broker.intake.adopt(bench.open(2), other, how);
    expect(await refusal(adopt)).toBe(
      'failed-precondition: this memory is known to the daemon under another session: ask its owner for a grant',
    );
    expect(other.closed).toBe(true);
  });

  test('through an fd that only reads gives a lease that only reads, and no grant of more', async () => {
    const bench = new Bench();
    const session = bench.open(1);
    const memory = new FakeMemory(bench.kernel, null, 'read');
    const { id, access, sizeBytes } = bench.broker.intake.adopt(session, memory, how);
    expect({ access, sizeBytes }).toEqual({ access: 'read', sizeBytes: null });
    const share = () =>
      bench.broker.shares.share(session, {
        ...TERMS,
        bufferId: id,
        name: null,
        access: 'read-write',
      });
    expect(await outcome(share)).toBe('permission-denied');
  });
});

describe('a buffer', () => {
  test('that does not exist and one of somebody else look the same', async () => {
    const bench = new Bench();
    const { id } = await bench.allocate(bench.open(1));
    const stranger = bench.open(2);
    const caller = { peer: peer(2), sessionId: stranger };
    const about = (bufferId: number) =>
      refusal(() => bench.broker.buffers.describe(caller, bufferId));
    expect((await about(id)).replace(String(id), 'N')).toBe((await about(999)).replace('999', 'N'));
  });

  test('outlives its owner while somebody leases it, but not its grants', async () => {
    const bench = new Bench();
    const [owner, other] = [bench.open(1), bench.open(2)];
    const { id } = await bench.allocate(owner);
    bench.broker.shares.share(owner, { ...TERMS, bufferId: id, name: 'a' });
    bench.broker.shares.open(other, { name: 'a' });
    bench.broker.closeSession(owner, 'done');
    expect(bench.broker.totals()).toMatchObject({ buffers: 1, leases: 1, grants: 0 });
    const { buffer } = bench.broker.buffers.describe({ peer: peer(2), sessionId: other }, id);
    expect(buffer).toMatchObject({ isOwner: false, leaseCount: 1 });
  });

  test('is paid for by whoever allocated it until it is gone, whoever leases it meanwhile', async () => {
    const bench = new Bench();
    const [owner, other] = [bench.open(1, 1001), bench.open(2, 1002)];
    const { id } = await bench.allocate(owner);
    bench.broker.shares.share(owner, { ...TERMS, bufferId: id, name: 'a' });
    bench.broker.shares.open(other, { name: 'a' });
    bench.broker.closeSession(owner, 'done');
    expect(bench.broker.quota.heldOf('uid 1001', 'bytes')).toBe(PAGE_BYTES);
    expect(bench.broker.quota.heldOf('uid 1002', 'bytes')).toBe(0);
    bench.broker.buffers.release(other, id);
    await settle();
    expect(bench.broker.quota.held('bytes')).toBe(0);
  });

  test('whose lease was revoked is said to be so to whoever had it, and to nobody else', async () => {
    const bench = new Bench();
    const [owner, other] = [bench.open(1), bench.open(2)];
    const { id } = await bench.allocate(owner);
    const { grant } = bench.broker.shares.share(owner, { ...TERMS, bufferId: id, name: 'a' });
    bench.broker.shares.open(other, { name: 'a' });
    bench.broker.shares.revoke(owner, grant.id, true);
    const asked = (session: typeof other) =>
      refusal(() => bench.broker.buffers.memoryFor(session, id, 'read'));
    expect(await asked(other)).toBe(
      "failed-precondition: session 2's lease on buffer 1 was revoked by whoever granted it",
    );
    expect(await asked(bench.open(3))).toContain('not-found');
  });

  test('shows all its leases to its owner and administrators, and others their own', async () => {
    const bench = new Bench();
    const [owner, other] = [bench.open(1), bench.open(2)];
    const { id } = await bench.allocate(owner);
    bench.broker.shares.share(owner, { ...TERMS, bufferId: id, name: 'a' });
    bench.broker.shares.open(other, { name: 'a' });
    const seen = (caller: Parameters<typeof bench.broker.buffers.describe>[0]) =>
      bench.broker.buffers.describe(caller, id).leases.map((lease) => lease.sessionId);
    expect(seen({ peer: peer(1), sessionId: owner })).toEqual([1, 2]);
    expect(seen({ peer: peer(2), sessionId: other })).toEqual([2]);
    expect(seen(root)).toEqual([1, 2]);
  });

  test('is listed by pages in ascending order, to an administrator of all sessions', async () => {
    const bench = new Bench();
    const [one, two] = [bench.open(1), bench.open(2)];
    for (const session of [one, two, one]) await bench.allocate(session);
    const ids = (views: readonly { id: number }[]) => views.map((view) => view.id);
    expect(ids(bench.broker.buffers.list(one, 0, 10))).toEqual([1, 3]);
    expect(ids(bench.broker.buffers.list(one, 1, 10))).toEqual([3]);
    expect(ids(bench.broker.buffers.listAll(root, 1, 1))).toEqual([2]);
    const listAll = () => bench.broker.buffers.listAll({ peer: peer(1), sessionId: one }, 0, 1);
    expect(await outcome(listAll)).toBe('permission-denied');
  });
});

describe('a grant', () => {
  async function granted(terms: Partial<Parameters<Bench['broker']['shares']['share']>[1]> = {}) {
    const bench = new Bench();
    const [owner, other] = [bench.open(1), bench.open(2)];
    const { id } = await bench.allocate(owner);
    const request = { ...TERMS, bufferId: id, name: 'a', ...terms };
    return { bench, owner, other, id, ...bench.broker.shares.share(owner, request) };
  }

  test('without a name is opened by its secret and by no other', async () => {
    const { bench, other, secret } = await granted({ name: null });
    const open = (bytes: Uint8Array) =>
      outcome(() => bench.broker.shares.open(other, { secret: bytes }));
    expect(await open(Uint8Array.of(9, 9))).toBe('not-found');
    expect(await open(secret ?? new Uint8Array())).toBe('ok');
  });

  test('is for its audience only, and answers others as if it were not there', async () => {
    const { bench, other } = await granted({ audience: { uid: 5, gid: null, cgroup: null } });
    const there = await refusal(() => bench.broker.shares.open(other, { name: 'a' }));
    const nowhere = await refusal(() => bench.broker.shares.open(other, { name: 'b' }));
    expect(there.replace('"a"', '"b"')).toBe(nowhere);
  });

  test.each([
    ['/test', 'ok'],
    ['/test/1000', 'ok'],
    ['/', 'ok'],
    ['/test/100', 'not-found'],
    ['/test/1000/x', 'not-found'],
  ])('for the cgroup %s answers a process in /test/1000 with %s', async (cgroup, answer) => {
    const { bench, other } = await granted({ audience: { uid: null, gid: null, cgroup } });
    expect(await outcome(() => bench.broker.shares.open(other, { name: 'a' }))).toBe(answer);
  });

  test('ends at its time', async () => {
    const { bench, other } = await granted({ timeToLiveMs: 100 });
    bench.clock.advance(100);
    expect(await outcome(() => bench.broker.shares.open(other, { name: 'a' }))).toBe('not-found');
    expect(bench.broker.totals().grants).toBe(0);
  });

  test('ends with its last use, and its lease can be revoked even then', async () => {
    const { bench, owner, other, grant } = await granted({ maxUses: 1 });
    bench.broker.shares.open(other, { name: 'a' });
    expect(await outcome(() => bench.broker.shares.open(other, { name: 'a' }))).toBe('not-found');
    expect(await outcome(() => bench.broker.shares.revoke(owner, grant.id, false))).toBe(
      'not-found',
    );
    expect(bench.broker.shares.revoke(owner, grant.id, true)).toBe(1);
    expect(bench.broker.totals().leases).toBe(1);
  });

  test('widens a lease and never narrows it', async () => {
    const { bench, owner, other, id } = await granted({ access: 'read' });
    bench.broker.shares.share(owner, { ...TERMS, bufferId: id, name: 'b', access: 'read-write' });
    expect(bench.broker.shares.open(other, { name: 'a' }).access).toBe('read');
    expect(bench.broker.shares.open(other, { name: 'b' }).access).toBe('read-write');
    expect(bench.broker.shares.open(other, { name: 'a' }).access).toBe('read-write');
    expect(bench.table.rows.get('2/1')?.access).toBe('read-write');
  });

  test('cannot take a name that is taken, until it is free', async () => {
    const { bench, owner, id, grant } = await granted();
    const share = () => bench.broker.shares.share(owner, { ...TERMS, bufferId: id, name: 'a' });
    expect(await outcome(share)).toBe('already-exists');
    bench.broker.shares.revoke(owner, grant.id, false);
    expect(await outcome(share)).toBe('ok');
  });

  test('is made by the owner or an administrator', async () => {
    const { bench, other, id } = await granted();
    bench.broker.shares.open(other, { name: 'a' });
    const share = (session: typeof other, name: string) =>
      outcome(() => bench.broker.shares.share(session, { ...TERMS, bufferId: id, name }));
    expect(await share(other, 'b')).toBe('permission-denied');
    expect(await share(bench.open(3), 'b')).toBe('not-found');
    expect(await share(bench.open(4, 0), 'b')).toBe('ok');
  });

  test('is revoked and listed by its maker only', async () => {
    const { bench, owner, other, grant } = await granted();
    expect(await outcome(() => bench.broker.shares.revoke(other, grant.id, true))).toBe(
      'not-found',
    );
    expect(bench.broker.shares.list(other, null, 0, 10)).toEqual([]);
    expect(bench.broker.shares.list(owner, null, 0, 10)).toMatchObject([
      { id: grant.id, name: 'a' },
    ]);
  });

  test('is charged for as long as a lease that it gave lives, and is not remembered for what it did not give', async () => {
    const { bench, owner, other, id } = await granted();
    const held = () => bench.broker.quota.held('grants');
    bench.broker.shares.share(owner, { ...TERMS, bufferId: id, name: 'once', maxUses: 1 });
    bench.broker.shares.open(other, { name: 'once' });
    expect(held()).toBe(2);
    for (let round = 0; round < 20; round++) {
      bench.broker.shares.share(owner, { ...TERMS, bufferId: id, name: 'again', maxUses: 1 });
      bench.broker.shares.open(other, { name: 'again' });
    }
    expect(held()).toBe(2);
    bench.broker.buffers.release(other, id);
    expect(held()).toBe(1);
  });

  test('is listed by pages', async () => {
    const { bench, owner, id } = await granted();
    for (const name of ['b', 'c'])
      bench.broker.shares.share(owner, { ...TERMS, bufferId: id, name });
    const names = (after: number, count: number) =>
      bench.broker.shares.list(owner, null, after, count).map(({ name }) => name);
    expect(names(0, 2)).toEqual(['a', 'b']);
    expect(names(2, 2)).toEqual(['c']);
  });

  test('is one of a bounded number', async () => {
    const { bench, owner, id } = await granted();
    const share = (name: string) =>
      outcome(() => bench.broker.shares.share(owner, { ...TERMS, bufferId: id, name }));
    const answers = [];
    // Half of the daemon's, as long as nobody else makes any.
    for (const name of ['b', 'c', 'd', 'e']) answers.push(await share(name));
    expect(answers).toEqual(['ok', 'ok', 'ok', 'resource-exhausted']);
  });
});

describe('events', () => {
  function read(feed: EventFeed): string[] {
    const types: string[] = [];
    const pump = async () => {
      for (;;) {
        const event: Event = await feed.next();
        types.push(event.body.type);
      }
    };
    pump().catch((error: unknown) => types.push(String(error)));
    return types;
  }

  test('are told to those whom they concern', async () => {
    const bench = new Bench();
    const [owner, other, stranger] = [bench.open(1), bench.open(2), bench.open(3)];
    const told = [owner, other, stranger].map((session) =>
      read(bench.broker.watch({ peer: peer(session), sessionId: session }, false)),
    );
    const all = read(bench.broker.watch(root, true));
    const { id } = await bench.allocate(owner);
    bench.broker.shares.share(owner, { ...TERMS, bufferId: id, name: 'a' });
    bench.broker.shares.open(other, { name: 'a' });
    await bench.broker.buffers.beginCpuAccess(other, id, 'read', NEVER);
    bench.broker.buffers.release(other, id);
    await settle();
    bench.broker.closeSession(owner, 'done');
    await settle();
    const opening = ['buffer-created', 'grant-created', 'lease-opened', 'cpu-access-began'];
    expect(told[0]?.slice(0, 4)).toEqual(opening);
    expect(told[0]?.at(-1)).toBe('DomainError: session 1 ended: done');
    expect(told[1]).toEqual([
      'lease-opened',
      'cpu-access-began',
      'lease-released',
      'cpu-access-ended',
    ]);
    expect(told[2]).toEqual([]);
    expect(all).toEqual([
      ...opening,
      'lease-released',
      'cpu-access-ended',
      'grant-ended',
      'lease-released',
      'session-closed',
      'buffer-destroyed',
    ]);
  });

  test('that wait unread are bounded, and end their feed only', async () => {
    const bench = new Bench();
    const session = bench.open(1);
    const slow = bench.broker.watch(root, true);
    for (let i = 0; i < LIMITS.maxQueuedEvents; i++) {
      bench.broker.buffers.release(session, (await bench.allocate(session)).id);
    }
    const seen: number[] = [];
    const reading = async () => {
      for (;;) seen.push((await slow.next()).sequence);
    };
    expect(await outcome(reading)).toBe('resource-exhausted');
    expect(seen).toHaveLength(LIMITS.maxQueuedEvents);
    expect(await outcome(() => bench.broker.watch(root, true))).toBe('ok');
  });

  test('of all sessions are for administrators', async () => {
    const bench = new Bench();
    const session = bench.open(1);
    const watch = () => bench.broker.watch({ peer: peer(1), sessionId: session }, true);
    expect(await outcome(watch)).toBe('permission-denied');
    expect(await outcome(() => bench.broker.watch({ peer: peer(9), sessionId: null }, false))).toBe(
      'unauthenticated',
    );
    const daemon = { peer: peer(9, 500), sessionId: null };
    expect(await outcome(() => bench.broker.watch(daemon, true))).toBe('ok');
  });
});
