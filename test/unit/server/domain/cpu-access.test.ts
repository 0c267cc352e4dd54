import { DomainError } from '../../../../server/domain/errors';
import type { BufferId, SessionId } from '../../../../server/domain/ids';
import { Bench, type FakeMemory, NEVER, outcome, peer, refusal, settle } from './fakes';

/** A buffer that two sessions may write. */
class Shared {
  private constructor(
    readonly bench: Bench,
    readonly first: SessionId,
    readonly second: SessionId,
    readonly id: BufferId,
    readonly memory: FakeMemory,
  ) {}

  static async make(): Promise<Shared> {
    const bench = new Bench();
    const [first, second] = [bench.open(1), bench.open(2)];
    const { id, inode } = await bench.allocate(first);
    const everybody = { uid: null, gid: null, cgroup: null };
    const terms = { access: null, audience: everybody, timeToLiveMs: null, maxUses: null };
    bench.broker.shares.share(first, { bufferId: id, name: 'shared', ...terms });
    bench.broker.shares.open(second, { name: 'shared' });
    return new Shared(bench, first, second, id, bench.memoryOf(inode));
  }

  begin(session: SessionId, signal: AbortSignal = NEVER): Promise<void> {
    return this.bench.broker.buffers.beginCpuAccess(session, this.id, 'write', signal);
  }

  end(session: SessionId): Promise<void> {
    return this.bench.broker.buffers.endCpuAccess(session, this.id);
  }
}

describe('a CPU access', () => {
  test('is bracketed by START and END of the same direction', async () => {
    const shared = await Shared.make();
    await shared.begin(shared.first);
    await shared.end(shared.first);
    expect(shared.memory.log).toEqual(['START write', 'END write']);
  });

  test('waits for whoever is in, and goes on when that one ends', async () => {
    const shared = await Shared.make();
    await shared.begin(shared.first);
    const waiting = shared.begin(shared.second);
    await settle();
    expect(shared.memory.log).toEqual(['START write']);
    await shared.end(shared.first);
    await waiting;
    expect(shared.memory.log).toEqual(['START write', 'END write', 'START write']);
  });

  test('is neither nested nor upgraded', async () => {
    const shared = await Shared.make();
    await shared.begin(shared.first);
    expect(await refusal(() => shared.begin(shared.first))).toBe(
      `failed-precondition: session 1 already has an access to buffer ${shared.id} (write): end it first, accesses are neither nested nor upgraded`,
    );
  });

  test('that was never begun cannot be ended', async () => {
    const shared = await Shared.make();
    expect(await outcome(() => shared.end(shared.first))).toBe('failed-precondition');
  });

  test('at its deadline tells who it waited for, and leaves the queue', async () => {
    const shared = await Shared.make();
    await shared.begin(shared.first);
    const deadline = new AbortController();
    const waiting = refusal(() => shared.begin(shared.second, deadline.signal));
    await settle();
    shared.bench.clock.advance(250);
    deadline.abort(new DomainError('deadline-exceeded', 'the deadline was reached'));
    expect(await waiting).toBe(
      `deadline-exceeded: the deadline was reached: write access to buffer ${shared.id} had waited 250 ms for its turn: session 1 of pid 1 (uid 1000, "client1") writes`,
    );
    expect(shared.bench.broker.totals()).toMatchObject({ cpuAccesses: 1, waiters: 0 });
  });

  test('at its deadline tells that it waited for fences, and lets the next one try', async () => {
    const shared = await Shared.make();
    shared.memory.isBusy = true;
    const deadline = new AbortController();
    const waiting = refusal(() => shared.begin(shared.first, deadline.signal));
    await settle();
    deadline.abort(new DomainError('deadline-exceeded', 'the deadline was reached'));
    expect(await waiting).toContain('the fences of outstanding reads and writes by devices');
    const next = shared.begin(shared.second);
    shared.memory.signalFences();
    await next;
    expect(shared.memory.log).toEqual(['START write']);
  });

  test('waits again for fences that came in between its wait and START, and owes no END for that', async () => {
    const shared = await Shared.make();
    shared.bench.kernel.isStalled = true;
    const begun = shared.begin(shared.first);
    await settle();
    shared.memory.isBusy = true;
    shared.bench.kernel.resume();
    await settle();
    expect(shared.memory.log).toEqual([]);
    expect(shared.bench.broker.totals()).toMatchObject({ cpuAccesses: 0, waiters: 1 });
    shared.memory.signalFences();
    await begun;
    await shared.end(shared.first);
    expect(shared.memory.log).toEqual(['START write', 'END write']);
  });

  test('that is cancelled while it waits again for such fences leaves nothing', async () => {
    const shared = await Shared.make();
    shared.bench.kernel.isStalled = true;
    const cancelled = new AbortController();
    const waiting = outcome(() => shared.begin(shared.first, cancelled.signal));
    await settle();
    shared.memory.isBusy = true;
    shared.bench.kernel.resume();
    await settle();
    cancelled.abort();
    expect(await waiting).toBe('cancelled');
    expect(shared.memory.log).toEqual([]);
    expect(shared.bench.broker.totals()).toMatchObject({ cpuAccesses: 0, waiters: 0 });
  });

  test('that waits behind a writer who waits itself names the writer, not the readers who are in', async () => {
    const shared = await Shared.make();
    const { buffers } = shared.bench.broker;
    const third = shared.bench.open(3);
    shared.bench.broker.shares.open(third, { name: 'shared' });
    await buffers.beginCpuAccess(shared.first, shared.id, 'read', NEVER);
    const writer = outcome(() => shared.begin(shared.second));
    const deadline = new AbortController();
    const reader = refusal(() => buffers.beginCpuAccess(third, shared.id, 'read', deadline.signal));
    await settle();
    deadline.abort(new DomainError('deadline-exceeded', 'the deadline was reached'));
    expect(await reader).toContain(
      'its turn: session 2 of pid 2 (uid 1000, "client2") waits to write',
    );
    await shared.end(shared.first);
    expect(await writer).toBe('ok');
  });

  test('that waits for one who has its turn and waits for fences says so', async () => {
    const shared = await Shared.make();
    shared.memory.isBusy = true;
    const first = outcome(() => shared.begin(shared.first));
    const deadline = new AbortController();
    const second = refusal(() => shared.begin(shared.second, deadline.signal));
    await settle();
    deadline.abort(new DomainError('deadline-exceeded', 'the deadline was reached'));
    expect(await second).toContain('(uid 1000, "client1") waits to write, for fences');
    shared.memory.signalFences();
    expect(await first).toBe('ok');
  });

  test('that is cancelled while START is under way owes an END, and holds its turn until then', async () => {
    const shared = await Shared.make();
    shared.bench.kernel.isStalled = true;
    const cancelled = new AbortController();
    const waiting = outcome(() => shared.begin(shared.first, cancelled.signal));
    await settle();
    cancelled.abort();
    expect(await waiting).toBe('cancelled');
    const next = shared.begin(shared.second);
    await settle();
    expect(shared.memory.log).toEqual([]);
    shared.bench.kernel.resume();
    await next;
    expect(shared.memory.log).toEqual(['START write', 'END write', 'START write']);
  });

  test('that is begun and given up again and again keeps the kernel busy with one START at a time', async () => {
    const shared = await Shared.make();
    const { buffers } = shared.bench.broker;
    shared.bench.kernel.isStalled = true;
    const before = shared.bench.kernel.callCount;
    for (let round = 0; round < 5; round++) {
      const cancelled = new AbortController();
      const begun = outcome(() =>
        buffers.beginCpuAccess(shared.first, shared.id, 'read', cancelled.signal),
      );
      await settle();
      cancelled.abort();
      expect(await begun).toBe('cancelled');
    }
    expect(shared.bench.kernel.callCount - before).toBe(1);
    expect(
      buffers.describe({ peer: peer(9, 0), sessionId: null }, shared.id).cpuAccesses,
    ).toHaveLength(1);
    let ended = false;
    const end = shared.end(shared.first).then(() => {
      ended = true;
    });
    const next = buffers.beginCpuAccess(shared.first, shared.id, 'read', NEVER);
    await settle();
    expect(ended).toBe(false);
    shared.bench.kernel.resume();
    await Promise.all([end, next]);
    expect(shared.memory.log).toEqual(['START read', 'END read', 'START read']);
  });

  test('that is begun anew while the kernel is busy with the one given up before has its place in the queue all the same', async () => {
    const shared = await Shared.make();
    const { buffers } = shared.bench.broker;
    shared.bench.kernel.isStalled = true;
    const givenUp = new AbortController();
    const first = outcome(() =>
      buffers.beginCpuAccess(shared.first, shared.id, 'read', givenUp.signal),
    );
    await settle();
    givenUp.abort();
    expect(await first).toBe('cancelled');
    const again = buffers.beginCpuAccess(shared.first, shared.id, 'read', NEVER);
    const writer = shared.begin(shared.second);
    await settle();
    shared.bench.kernel.resume();
    await again;
    expect(shared.memory.log).toEqual(['START read', 'END read', 'START read']);
    await shared.end(shared.first);
    await writer;
  });

  test('that is begun before the END of the one before has returned is taken over by the next process', async () => {
    const shared = await Shared.make();
    const { buffers } = shared.bench.broker;
    await buffers.beginCpuAccess(shared.first, shared.id, 'read', NEVER);
    shared.bench.kernel.isStalled = true;
    const ended = shared.end(shared.first);
    const again = buffers.beginCpuAccess(shared.first, shared.id, 'read', NEVER);
    await settle();
    shared.bench.kernel.resume();
    await Promise.all([ended, again]);
    shared.bench.restart();
    await settle();
    await shared.bench.broker.buffers.endCpuAccess(shared.first, shared.id);
    expect(shared.memory.log).toEqual(['START read', 'END read', 'START read', 'END read']);
  });

  test('that waits for the one given up before says so', async () => {
    const shared = await Shared.make();
    const { buffers } = shared.bench.broker;
    shared.bench.kernel.isStalled = true;
    const giveUp = async (reason?: DomainError) => {
      const call = new AbortController();
      const begun = refusal(() =>
        buffers.beginCpuAccess(shared.first, shared.id, 'read', call.signal),
      );
      await settle();
      call.abort(reason);
      return begun;
    };
    await giveUp();
    expect(
      await giveUp(new DomainError('deadline-exceeded', 'the deadline was reached')),
    ).toContain('the kernel (the access that this session had before has not ended)');
    shared.bench.kernel.resume();
    await settle();
    expect(shared.memory.log).toEqual(['START read', 'END read']);
    expect(shared.bench.broker.totals()).toMatchObject({ cpuAccesses: 0, waiters: 0 });
  });

  test('whose START fails owes nothing and frees its turn', async () => {
    const shared = await Shared.make();
    shared.memory.failNextStart = new DomainError('failed-precondition', 'EIO');
    expect(await outcome(() => shared.begin(shared.first))).toBe('failed-precondition');
    await shared.begin(shared.second);
    expect(shared.memory.log).toEqual(['START write']);
  });

  test('ends with the session that held it, and the waiter goes on', async () => {
    const shared = await Shared.make();
    await shared.begin(shared.first);
    const waiting = shared.begin(shared.second);
    shared.bench.broker.closeSession(shared.first, 'killed');
    await waiting;
    expect(shared.memory.log).toEqual(['START write', 'END write', 'START write']);
  });

  test('keeps the memory, and its charge, until the kernel has returned', async () => {
    const shared = await Shared.make();
    await shared.begin(shared.first);
    shared.bench.kernel.isStalled = true;
    shared.bench.broker.closeSession(shared.first, 'killed');
    shared.bench.broker.closeSession(shared.second, 'killed');
    expect(shared.memory.closed).toBe(false);
    expect(shared.bench.broker.totals()).toMatchObject({ buffers: 0, chargedBytes: 4096 });
    shared.bench.kernel.resume();
    await settle();
    expect(shared.memory.closed).toBe(true);
    expect(shared.bench.broker.totals()).toMatchObject({ cpuAccesses: 0, chargedBytes: 0 });
  });

  test('that waits ends with the lease', async () => {
    const shared = await Shared.make();
    await shared.begin(shared.first);
    const waiting = outcome(() => shared.begin(shared.second));
    shared.bench.broker.buffers.release(shared.second, shared.id);
    expect(await waiting).toBe('failed-precondition');
  });

  test('to write needs a lease to write', async () => {
    const bench = new Bench();
    const [owner, reader] = [bench.open(1), bench.open(2)];
    const { id } = await bench.allocate(owner);
    const everybody = { uid: null, gid: null, cgroup: null };
    const terms = { audience: everybody, timeToLiveMs: null, maxUses: null };
    bench.broker.shares.share(owner, { bufferId: id, name: 'r', access: 'read', ...terms });
    bench.broker.shares.open(reader, { name: 'r' });
    const begin = () => bench.broker.buffers.beginCpuAccess(reader, id, 'write', NEVER);
    expect(await outcome(begin)).toBe('permission-denied');
  });

  test('at its deadline tells for how long the fences have been pending, whoever waited first', async () => {
    const shared = await Shared.make();
    shared.memory.isBusy = true;
    const { buffers } = shared.bench.broker;
    const first = outcome(() => buffers.beginCpuAccess(shared.first, shared.id, 'read', NEVER));
    await settle();
    shared.bench.clock.advance(700);
    const deadline = new AbortController();
    const late = refusal(() =>
      buffers.beginCpuAccess(shared.second, shared.id, 'read', deadline.signal),
    );
    await settle();
    shared.bench.clock.advance(50);
    deadline.abort(new DomainError('deadline-exceeded', 'the deadline was reached'));
    expect(await late).toBe(
      `deadline-exceeded: the deadline was reached: read access to buffer ${shared.id} had waited 50 ms for the fences of outstanding writes by devices, which have been pending for 750 ms at least`,
    );
    shared.memory.signalFences();
    expect(await first).toBe('ok');
  });

  test('that waits long is told of once, with who or what it waits for', async () => {
    const shared = await Shared.make();
    const told: unknown[] = [];
    const feed = shared.bench.broker.watch({ peer: peer(1), sessionId: shared.first }, false);
    const pump = async () => {
      for (;;) told.push((await feed.next()).body);
    };
    void outcome(pump);
    await shared.begin(shared.first);
    const waiting = shared.begin(shared.second);
    await settle();
    shared.bench.clock.advance(999);
    await settle();
    expect(told).toHaveLength(1);
    shared.bench.clock.advance(1);
    shared.bench.clock.advance(10_000);
    await settle();
    const delay = {
      bufferId: shared.id,
      writes: true,
      waitedMs: 1000,
      obstacle: 'its turn: session 1 of pid 1 (uid 1000, "client1") writes',
    };
    expect(told.slice(1)).toEqual([{ type: 'cpu-access-delayed', ...delay }]);
    expect(shared.bench.warnings).toEqual([
      { sessionId: shared.second, ...delay, what: 'a CPU access is waited for' },
    ]);
    await shared.end(shared.first);
    await waiting;
  });

  test('that is had in time is not told of', async () => {
    const shared = await Shared.make();
    await shared.begin(shared.first);
    shared.bench.clock.advance(10_000);
    expect(shared.bench.warnings).toEqual([]);
  });
});

describe('a wait for fences', () => {
  function wait(shared: Shared, signal: AbortSignal = NEVER): Promise<void> {
    const { buffers } = shared.bench.broker;
    return buffers.waitForFences(shared.second, shared.id, 'write', signal);
  }

  test('ends when they have signalled, and takes no access', async () => {
    const shared = await Shared.make();
    shared.memory.isBusy = true;
    const waiting = wait(shared);
    await settle();
    expect(shared.bench.broker.totals()).toMatchObject({ cpuAccesses: 0, waiters: 0 });
    shared.memory.signalFences();
    await waiting;
    expect(shared.memory.log).toEqual([]);
  });

  test('does not wait for whoever is inside', async () => {
    const shared = await Shared.make();
    await shared.begin(shared.first);
    await wait(shared);
  });

  test('tells at its deadline in which direction they are pending, and for how long', async () => {
    const shared = await Shared.make();
    shared.memory.isBusy = true;
    const deadline = new AbortController();
    const waiting = refusal(() => wait(shared, deadline.signal));
    await settle();
    shared.bench.clock.advance(30);
    deadline.abort(new DomainError('deadline-exceeded', 'the deadline was reached'));
    expect(await waiting).toBe(
      `deadline-exceeded: the deadline was reached: buffer ${shared.id} is not free for write access: the fences of outstanding reads and writes by devices, which have been pending for 30 ms at least`,
    );
  });

  test('ends with the lease', async () => {
    const shared = await Shared.make();
    shared.memory.isBusy = true;
    const waiting = refusal(() => wait(shared));
    await settle();
    shared.bench.broker.buffers.release(shared.second, shared.id);
    expect(await waiting).toContain('lease on buffer 1 was released');
  });

  test('is for those who lease the buffer', async () => {
    const shared = await Shared.make();
    const stranger = shared.bench.open(3);
    const { buffers } = shared.bench.broker;
    const asked = () => buffers.waitForFences(stranger, shared.id, 'read', NEVER);
    expect(await outcome(asked)).toBe('not-found');
  });
});
