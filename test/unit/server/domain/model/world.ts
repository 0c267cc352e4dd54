/**
 * The broker beside a model that is too simple to be wrong: what each session has, and whose turn it is. Both are told the same, and
 * compared.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Access, CpuAccessMode } from '../../../../../server/domain/access';
import { writes } from '../../../../../server/domain/access';
import { DomainError, type DomainErrorCode } from '../../../../../server/domain/errors';
import type { BufferId, SessionId } from '../../../../../server/domain/ids';
import { RESOURCES } from '../../../../../server/domain/quota';
import { Bench, FakeMemory, NEVER, outcome, PAGE_BYTES, peer, sessionId, settle } from '../fakes';
import type { Operation } from './operations';
import { POLICIES } from './policies';

interface ModelGrant {
  readonly id: number;
  readonly maker: SessionId;
  readonly buffer: BufferId;
  readonly access: Access;
  readonly by: { readonly name: string } | { readonly secret: Uint8Array };
  readonly uid: number | null;
  readonly expiresAtMs: number;
  usesLeft: number;
  isUsable: boolean;
  readonly openedBy: Set<SessionId>;
}

interface ModelAccess {
  readonly session: SessionId;
  readonly mode: CpuAccessMode;
  readonly cancel: AbortController;
  readonly done: Promise<unknown>;
}

interface ModelBuffer {
  readonly id: BufferId;
  /** Null once its owner has let it go, even if it came back by a grant. */
  owner: SessionId | null;
  readonly inode: number;
  readonly memoryAccess: Access;
  readonly leases: Map<SessionId, Access>;
  /** Whose lease was revoked, and who are told so. */
  readonly revokedFrom: Set<SessionId>;
  /** In the order in which they came. */
  queue: ModelAccess[];
}

/** Adopted kernel objects have inodes of their own, which allocation never reaches. */
const ADOPTED_INODES = 1_000_000;

export class World {
  readonly bench = new Bench();
  readonly sessions = new Map<SessionId, number>();
  readonly buffers = new Map<BufferId, ModelBuffer>();
  readonly grants: ModelGrant[] = [];
  pendingAllocations = 0;
  private policy: keyof typeof POLICIES = 'open';
  private lastSession = 0;
  private hadFailure = false;

  /** Tells both. */
  async perform(operation: Operation): Promise<void> {
    switch (operation.do) {
      case 'open-session':
        return this.openSession(operation.uid);
      case 'close-session':
        return this.with(operation.session, (session) => this.closeSession(session));
      case 'allocate':
        return this.with(operation.session, (session) => this.allocate(session, operation));
      case 'adopt':
        return this.with(operation.session, (session) => this.adopt(session, operation));
      case 'release':
        return this.withBuffer(operation, (session, buffer) => this.release(session, buffer));
      case 'share':
        return this.withBuffer(operation, (session, buffer) =>
          this.share(session, buffer, operation),
        );
      case 'open':
        return this.with(operation.session, (session) => this.open(session, operation.grant));
      case 'revoke':
        return this.revoke(operation.grant, operation.leases);
      case 'begin':
        return this.withBuffer(operation, (session, buffer) =>
          this.begin(session, buffer, operation.mode),
        );
      case 'cancel':
        return this.cancel(operation.wait);
      case 'end':
        return this.withBuffer(operation, (session, buffer) => this.end(session, buffer));
      case 'keep': {
        const all = [...this.buffers.values()];
        const kept = all[operation.buffer % Math.max(all.length, 1)];
        if (kept !== undefined) this.bench.memoryOf(kept.inode).heldElsewhere += 1;
        return;
      }
      case 'let-go':
        for (const memory of this.bench.kernel.openMemories) memory.heldElsewhere = 0;
        return;
      case 'reload':
        this.policy = operation.policy;
        this.bench.policy.replace(POLICIES[operation.policy]);
        return;
      case 'stall':
        this.bench.kernel.isStalled = true;
        return;
      case 'resume':
        this.bench.kernel.resume();
        return;
      case 'fail-start': {
        const [memory] = this.bench.kernel.openMemories;
        if (memory === undefined) return;
        memory.failNextStart = new DomainError('failed-precondition', 'EIO');
        this.hadFailure = true;
        return;
      }
      case 'fail-end': {
        const [memory] = this.bench.kernel.openMemories;
        if (memory === undefined) return;
        memory.failNextEnd = new DomainError('failed-precondition', 'EIO');
        this.hadFailure = true;
        return;
      }
      case 'fences': {
        const [memory] = this.bench.kernel.openMemories;
        if (memory === undefined) return;
        memory.isBusy = true;
        this.hadFailure = true;
        return;
      }
      case 'signal-fences':
        for (const memory of this.bench.kernel.openMemories) memory.signalFences();
        return;
      case 'advance':
        this.advance(operation.ms);
        return;
      case 'restart':
        return this.restart();
    }
  }

  /** What was held is held; who waited for an access, or knew of a revocation, is to ask again. */
  private async restart(): Promise<void> {
    this.bench.kernel.resume();
    await settle();
    while (this.pendingAllocations > 0) {
      this.advance(5);
      await settle();
    }
    this.bench.restart();
    await settle();
    for (const buffer of this.buffers.values()) {
      buffer.revokedFrom.clear();
      const root = { peer: peer(1, 0), sessionId: null };
      const { cpuAccesses } = this.bench.broker.buffers.describe(root, buffer.id);
      const open = new Set(cpuAccesses.map((access) => access.sessionId));
      if (!this.hadFailure) {
        same(open, new Set(this.holders(buffer).map((access) => access.session)));
      }
      // In which order readers came is of no use any more.
      buffer.queue = [...open].flatMap((id) =>
        buffer.queue.filter(({ session }) => session === id),
      );
    }
  }

  private advance(ms: number): void {
    this.bench.clock.advance(ms);
    for (const grant of this.grants) {
      if (grant.expiresAtMs <= this.bench.clock.now()) grant.isUsable = false;
    }
  }

  private async openSession(uid: number): Promise<void> {
    this.lastSession += 1;
    const session = sessionId(this.lastSession);
    const code = await outcome(() => this.bench.broker.openSession(session, peer(session, uid)));
    if (code === 'ok') this.sessions.set(session, uid);
    else expect(code).toBe(this.isKeptOut(uid) ? 'permission-denied' : 'resource-exhausted');
    if (this.isKeptOut(uid)) expect(code).toBe('permission-denied');
  }

  private isKeptOut(uid: number | undefined): boolean {
    return this.policy === 'strict' && uid === 1001;
  }

  private isConfined(session: SessionId): boolean {
    const uid = this.sessions.get(session);
    return this.policy === 'strict' && (uid === 1000 || uid === 1001);
  }

  private mayOpen(session: SessionId, by: ModelGrant['by']): boolean {
    if (!this.isConfined(session)) return true;
    return !this.isKeptOut(this.sessions.get(session)) && (!('name' in by) || by.name === 'b/c');
  }

  async closeSession(session: SessionId): Promise<void> {
    this.bench.broker.closeSession(session, 'test');
    this.sessions.delete(session);
    for (const grant of this.grants) if (grant.maker === session) grant.isUsable = false;
    for (const buffer of [...this.buffers.values()]) this.endLease(session, buffer);
  }

  private async allocate(
    session: SessionId,
    { pages, fails }: { pages: number; fails: boolean },
  ): Promise<void> {
    if (fails && !this.bench.kernel.isStalled) {
      this.bench.heap.failNext = new DomainError('resource-exhausted', 'ENOMEM');
    }
    this.pendingAllocations += 1;
    const isConfined = this.isConfined(session);
    const done = this.bench.broker.intake
      .allocate(session, { heap: '', sizeBytes: pages * PAGE_BYTES - 1, label: '' }, NEVER)
      .then(
        (view) => {
          expect(isConfined).toBe(false);
          this.enter(session, view.id, view.inode, 'read-write');
        },
        (error: unknown) => {
          if (!(error instanceof DomainError)) throw error;
        },
      )
      .finally(() => {
        this.pendingAllocations -= 1;
        this.bench.heap.failNext = null;
      });
    if (this.bench.kernel.isStalled) return;
    // Whoever would be refused waits until the kernel has been asked what is still there.
    await settle();
    this.advance(5);
    await done;
  }

  private async adopt(
    session: SessionId,
    operation: { inode: number; access: Access },
  ): Promise<void> {
    const inode = ADOPTED_INODES + operation.inode;
    const memory = new FakeMemory(this.bench.kernel, 2 * PAGE_BYTES, operation.access, inode);
    const known = [...this.buffers.values()].find((buffer) => buffer.inode === inode);
    try {
      const { id } = this.bench.broker.intake.adopt(session, memory, { label: '', exporter: 'x' });
      expect(this.isConfined(session)).toBe(false);
      if (known !== undefined) expect(id).toBe(known.id);
      else this.enter(session, id, inode, operation.access);
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      if (known !== undefined && !this.isConfined(session)) {
        expect(known.leases.has(session)).toBe(false);
      }
      expect(memory.closed).toBe(true);
    }
  }

  private enter(session: SessionId, id: BufferId, inode: number, memoryAccess: Access): void {
    const leases = new Map([[session, memoryAccess]]);
    const nobody = { revokedFrom: new Set<SessionId>(), queue: [] };
    this.buffers.set(id, { id, owner: session, inode, memoryAccess, leases, ...nobody });
  }

  private async release(session: SessionId, buffer: ModelBuffer): Promise<void> {
    const held = buffer.leases.has(session);
    const code = await outcome(() => this.bench.broker.buffers.release(session, buffer.id));
    expect(code).toBe(held ? 'ok' : this.without(session, buffer));
    if (held) this.endLease(session, buffer);
  }

  /** What a session is told that has no lease. */
  private without(session: SessionId, buffer: ModelBuffer): DomainErrorCode {
    return buffer.revokedFrom.has(session) ? 'failed-precondition' : 'not-found';
  }

  private endLease(session: SessionId, buffer: ModelBuffer): void {
    buffer.leases.delete(session);
    buffer.revokedFrom.delete(session);
    if (buffer.owner === session) buffer.owner = null;
    buffer.queue = buffer.queue.filter((access) => access.session !== session);
    for (const grant of this.grants) {
      if (grant.buffer !== buffer.id) continue;
      grant.openedBy.delete(session);
      if (grant.maker === session) grant.isUsable = false;
    }
    if (buffer.leases.size > 0) return;
    this.buffers.delete(buffer.id);
    for (const grant of this.grants) if (grant.buffer === buffer.id) grant.isUsable = false;
  }

  private async share(
    session: SessionId,
    buffer: ModelBuffer,
    operation: Extract<Operation, { do: 'share' }>,
  ): Promise<void> {
    const { access, name, maxUses, timeToLiveMs, uid } = operation;
    const audience = { uid, gid: null, cgroup: null };
    try {
      const made = this.bench.broker.shares.share(session, {
        bufferId: buffer.id,
        access,
        audience,
        name,
        timeToLiveMs,
        maxUses,
      });
      expect(buffer.owner === session || this.sessions.get(session) === 0).toBe(true);
      if (this.isKeptOut(this.sessions.get(session)) || name !== null) {
        expect(this.isConfined(session)).toBe(false);
      }
      const by = made.secret === null ? { name: name ?? '' } : { secret: made.secret };
      const expiresAtMs =
        timeToLiveMs === null ? Number.POSITIVE_INFINITY : this.bench.clock.now() + timeToLiveMs;
      const usesLeft = maxUses ?? Number.POSITIVE_INFINITY;
      const { id } = made.grant;
      const rights = { access, by, uid, expiresAtMs, usesLeft };
      this.grants.push({
        id,
        maker: session,
        buffer: buffer.id,
        ...rights,
        isUsable: true,
        openedBy: new Set(),
      });
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      const allowed = ['already-exists', 'resource-exhausted', 'permission-denied', 'not-found'];
      expect(allowed).toContain(error.code);
      if (error.code === 'not-found') expect(buffer.leases.has(session)).toBe(false);
    }
  }

  private async open(session: SessionId, index: number): Promise<void> {
    const grant = this.grants[index % Math.max(this.grants.length, 1)];
    if (grant === undefined) return;
    const code = await outcome(() => this.bench.broker.shares.open(session, grant.by));
    if (!this.mayOpen(session, grant.by)) {
      expect(code).toBe('permission-denied');
      return;
    }
    const isFor = grant.uid === null || grant.uid === this.sessions.get(session);
    const successor = 'name' in grant.by ? this.usableByName(grant.by.name, session) : undefined;
    if (code === 'ok') {
      const used = grant.isUsable && isFor ? grant : successor;
      if (used === undefined) throw new Error('opened with a grant that had ended');
      this.applyOpen(session, used);
      return;
    }
    if (code === 'resource-exhausted') return;
    expect(code).toBe('not-found');
    expect(grant.isUsable && isFor).toBe(false);
    expect(successor).toBeUndefined();
  }

  private usableByName(name: string, session: SessionId): ModelGrant | undefined {
    const uid = this.sessions.get(session);
    return this.grants.find(
      (grant) =>
        grant.isUsable &&
        'name' in grant.by &&
        grant.by.name === name &&
        (grant.uid === null || grant.uid === uid),
    );
  }

  private applyOpen(session: SessionId, grant: ModelGrant): void {
    const buffer = this.buffers.get(grant.buffer);
    if (buffer === undefined) throw new Error('opened a buffer that is gone');
    const held = buffer.leases.get(session);
    buffer.leases.set(session, held === 'read-write' ? held : grant.access);
    const gaveSomething = held === undefined || (held === 'read' && grant.access === 'read-write');
    if (buffer.owner !== session && gaveSomething) grant.openedBy.add(session);
    grant.usesLeft -= 1;
    if (grant.usesLeft === 0) grant.isUsable = false;
  }

  private async revoke(index: number, leases: boolean): Promise<void> {
    const grant = this.grants[index % Math.max(this.grants.length, 1)];
    if (grant === undefined || !this.sessions.has(grant.maker)) return;
    const opened = [...grant.openedBy];
    const code = await outcome(() => {
      const count = this.bench.broker.shares.revoke(grant.maker, grant.id, leases);
      expect(count).toBe(leases ? opened.length : 0);
    });
    expect(code).toBe(grant.isUsable || (leases && opened.length > 0) ? 'ok' : 'not-found');
    if (code !== 'ok') return;
    grant.isUsable = false;
    const buffer = this.buffers.get(grant.buffer);
    if (!leases || buffer === undefined) return;
    for (const session of opened) {
      this.endLease(session, buffer);
      buffer.revokedFrom.add(session);
    }
  }

  private async begin(session: SessionId, buffer: ModelBuffer, mode: CpuAccessMode): Promise<void> {
    const access = buffer.leases.get(session);
    const cancel = new AbortController();
    const already = buffer.queue.some((other) => other.session === session);
    const refused =
      access === undefined
        ? this.without(session, buffer)
        : writes(mode) && access === 'read'
          ? 'permission-denied'
          : already
            ? 'failed-precondition'
            : null;
    const call = () =>
      this.bench.broker.buffers.beginCpuAccess(session, buffer.id, mode, cancel.signal);
    if (refused !== null) {
      expect(await outcome(call)).toBe(refused);
      return;
    }
    const entry: ModelAccess = {
      session,
      mode,
      cancel,
      done: outcome(call).then((code) => {
        if (code !== 'ok') buffer.queue = buffer.queue.filter((other) => other !== entry);
      }),
    };
    buffer.queue.push(entry);
  }

  private async cancel(index: number): Promise<void> {
    const waits = [...this.buffers.values()].flatMap((buffer) => buffer.queue);
    waits[index % Math.max(waits.length, 1)]?.cancel.abort();
  }

  private async end(session: SessionId, buffer: ModelBuffer): Promise<void> {
    const entry = buffer.queue.find((access) => access.session === session);
    const held = entry !== undefined && this.holders(buffer).includes(entry);
    const endsWithError = this.bench.memoryOf(buffer.inode).failNextEnd !== null;
    let code: string | null = null;
    const done = outcome(() => this.bench.broker.buffers.endCpuAccess(session, buffer.id)).then(
      (answer) => {
        code = answer;
        return answer;
      },
    );
    await settle();
    // A slow kernel keeps the caller waiting, but the access is over for the session.
    // It waits for the END of an access that was given up before the kernel had begun it.
    if (entry === undefined && code === null && this.bench.kernel.isStalled) return;
    const ended = code === 'ok' || (code === null && this.bench.kernel.isStalled);
    if (ended) {
      expect(held).toBe(true);
      buffer.queue = buffer.queue.filter((access) => access !== entry);
      return;
    }
    expect(await done).toBe(
      buffer.leases.has(session) ? 'failed-precondition' : this.without(session, buffer),
    );
    if (!this.bench.kernel.isStalled && !this.hadFailure) expect(held).toBe(false);
    // Over all the same: what failed is that the kernel was told.
    if (endsWithError && this.bench.memoryOf(buffer.inode).failNextEnd === null) {
      buffer.queue = buffer.queue.filter((access) => access !== entry);
    }
  }

  /** First come first served: one writer, or all readers before the first writer. */
  private holders({ queue }: ModelBuffer): ModelAccess[] {
    const [first] = queue;
    if (first === undefined || writes(first.mode)) return queue.slice(0, 1);
    const writer = queue.findIndex((access) => writes(access.mode));
    return writer < 0 ? queue : queue.slice(0, writer);
  }

  check(): void {
    const { broker, kernel, table } = this.bench;
    const totals = broker.totals();
    const leases = [...this.buffers.values()].flatMap((buffer) => [...buffer.leases]);
    same(totals.sessions, this.sessions.size);
    same(totals.buffers, this.buffers.size);
    same(totals.leases, leases.length);
    same(totals.grants, this.grants.filter((grant) => grant.isUsable).length);
    same(table.rows.size, leases.length);
    const { quota } = broker;
    same(quota.held('sessions'), this.sessions.size);
    same(quota.held('leases'), leases.length);
    same(
      quota.held('grants'),
      this.grants.filter(
        (grant) => grant.isUsable || (grant.openedBy.size > 0 && this.sessions.has(grant.maker)),
      ).length,
    );
    this.checkLingering();
    const heldBytes = kernel.openMemories.reduce((sum, memory) => sum + (memory.sizeBytes ?? 0), 0);
    if (this.pendingAllocations === 0) same(totals.chargedBytes, heldBytes);
    else expect(totals.chargedBytes).toBeGreaterThanOrEqual(heldBytes);
    for (const buffer of this.buffers.values()) this.checkBuffer(buffer);
    if (!this.hadFailure) same(this.bench.reports, []);
  }

  /** Memory without a lease is there for as long as somebody has it, and is counted. */
  private checkLingering(): void {
    const { broker, kernel } = this.bench;
    if (kernel.isStalled || this.pendingAllocations > 0) return;
    const leased = new Set([...this.buffers.values()].map(({ inode }) => inode));
    const unleased = kernel.openMemories.filter(({ inode }) => !leased.has(inode));
    same(broker.totals().lingeringBuffers, unleased.length);
    for (const memory of unleased) same(memory.isWithdrawn, true);
    same(broker.quota.held('buffers'), this.buffers.size + unleased.length);
  }

  private checkBuffer(model: ModelBuffer): void {
    const { broker, kernel } = this.bench;
    const root = { peer: peer(1, 0), sessionId: null };
    const { buffer, leases, cpuAccesses } = broker.buffers.describe(root, model.id);
    expect(buffer.leaseCount).toBeGreaterThan(0);
    same(new Map(leases.map((lease) => [lease.sessionId, lease.access])), model.leases);
    for (const lease of leases) same(this.sessions.has(lease.sessionId), true);
    const memory = this.bench.memoryOf(model.inode);
    if (kernel.isStalled || this.hadFailure) return;
    same(
      cpuAccesses.map((access) => access.sessionId),
      model.queue.map((access) => access.session),
    );
    same(
      cpuAccesses.filter((access) => access.held).map((access) => access.sessionId),
      this.holders(model).map((access) => access.session),
    );
    same(
      [...memory.inside].sort(),
      this.holders(model)
        .map(({ mode }) => mode)
        .sort(),
    );
  }

  /** Who leases what, by the model. */
  leases(): Map<string, Access> {
    const all = [...this.buffers.values()].flatMap(({ id, leases }) =>
      [...leases].map(([session, held]) => [`${session}/${id}`, held] as const),
    );
    return new Map(all);
  }

  /** Who leases what, by the broker. */
  brokersLeases(): Map<string, Access> {
    const root = { peer: peer(1, 0), sessionId: null };
    const { buffers } = this.bench.broker;
    const all = buffers
      .listAll(root, 0, 1000)
      .flatMap(({ id }) =>
        buffers
          .describe(root, id)
          .leases.map((lease) => [`${lease.sessionId}/${id}`, lease.access] as const),
      );
    return new Map(all);
  }

  /**
   * The daemon is killed in the middle of an operation, after so many notes of it. What the next one takes over was so before the
   * operation, or is so after it.
   */
  async dieIn(last: Operation, notes: number): Promise<void> {
    this.bench.kernel.resume();
    await settle();
    const before = this.leases();
    this.bench.dieAfter(notes);
    await this.perform(last);
    this.bench.kernel.resume();
    await settle();
    const after = this.leases();
    this.bench.restart();
    await settle();
    const now = this.brokersLeases();
    for (const [key, access] of now) {
      expect([before.get(key), after.get(key)]).toContain(access);
    }
    for (const [key, access] of before) {
      if (after.get(key) === access) expect(now.get(key)).toBe(access);
    }
    await this.closeTheBrokers();
  }

  /** Everybody leaves a broker of which the model does not know exactly what it has. */
  private async closeTheBrokers(): Promise<void> {
    const { broker, clock, kernel } = this.bench;
    for (const session of this.sessions.keys()) broker.closeSession(session, 'test');
    for (let id = 1; id <= this.lastSession; id += 1) broker.closeSession(sessionId(id), 'test');
    await settle();
    for (const memory of kernel.memories) memory.heldElsewhere = 0;
    clock.advance(10_000);
    await settle();
    for (const resource of RESOURCES) expect(broker.quota.held(resource)).toBe(0);
    expect(broker.totals()).toMatchObject({ buffers: 0, lingeringBuffers: 0, cpuAccesses: 0 });
    const { keeper } = this.bench;
    for (const kept of ['sessions', 'buffers', 'grants', 'leases', 'cpuAccesses'] as const) {
      expect([...keeper[kept].keys()]).toEqual([]);
    }
  }

  /** Everybody leaves, and the kernel returns from everything. */
  async finish(): Promise<void> {
    for (const session of [...this.sessions.keys()]) await this.closeSession(session);
    this.bench.kernel.resume();
    await settle();
    this.check();
    await this.expectNothingLeft();
  }

  /** The daemon stops, whoever is inside or waits for fences. */
  async stop(): Promise<void> {
    this.bench.broker.close('the daemon stops');
    this.bench.kernel.resume();
    await settle();
    await this.expectNothingLeft();
  }

  private async expectNothingLeft(): Promise<void> {
    for (const memory of this.bench.kernel.openMemories) memory.heldElsewhere = 0;
    this.bench.clock.advance(10_000);
    await settle();
    expect(this.bench.broker.totals()).toEqual({
      sessions: 0,
      buffers: 0,
      lingeringBuffers: 0,
      leases: 0,
      grants: 0,
      cpuAccesses: 0,
      waiters: 0,
      chargedBytes: 0,
    });
    expect(this.bench.kernel.openMemories).toEqual([]);
    for (const resource of RESOURCES) expect(this.bench.broker.quota.held(resource)).toBe(0);
    for (const memory of this.bench.kernel.memories) {
      expect(paired(memory.log)).toBe(true);
    }
  }

  private async with(index: number, act: (session: SessionId) => Promise<void>): Promise<void> {
    const alive = [...this.sessions.keys()];
    const session = alive[index % Math.max(alive.length, 1)];
    if (session !== undefined) await act(session);
  }

  private async withBuffer(
    { session, buffer }: { session: number; buffer: number },
    act: (session: SessionId, buffer: ModelBuffer) => Promise<void>,
  ): Promise<void> {
    const all = [...this.buffers.values()];
    const chosen = all[buffer % Math.max(all.length, 1)];
    if (chosen !== undefined) await this.with(session, (id) => act(id, chosen));
  }
}

/** expect() itself is slow, and nearly always agrees. */
function same(actual: unknown, expected: unknown): void {
  if (!isDeepStrictEqual(actual, expected)) expect(actual).toEqual(expected);
}

/** As many ENDs as STARTs, in each direction. */
function paired(log: readonly string[]): boolean {
  const balance = new Map<string, number>();
  for (const entry of log) {
    const [phase, mode = ''] = entry.split(' ');
    balance.set(mode, (balance.get(mode) ?? 0) + (phase === 'START' ? 1 : -1));
  }
  return [...balance.values()].every((count) => count === 0);
}
