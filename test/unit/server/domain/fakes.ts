/** The domain's ports in memory. The kernel's calls can be held up, as a slow driver holds them up. */
import type { CpuAccessMode } from '../../../../server/domain/access';
import { Broker } from '../../../../server/domain/broker';
import { builtInPolicy } from '../../../../server/domain/built-in-policy';
import { DomainError, type DomainErrorCode } from '../../../../server/domain/errors';
import { type BufferId, isSessionId, type SessionId } from '../../../../server/domain/ids';
import type { Limits } from '../../../../server/domain/limits';
import type { Peer } from '../../../../server/domain/peer';
import { type Policy, PolicyInForce } from '../../../../server/domain/policy';
import type {
  AuditRecord,
  Clock,
  Heap,
  LeaseRow,
  LeaseTable,
  Memory,
  Secrets,
} from '../../../../server/domain/ports';
import { FakeKeeper, type FakeProcess } from './fake-keeper';

export const PAGE_BYTES = 4096;

export const LIMITS: Limits = {
  maxBytes: 64 * PAGE_BYTES,
  maxBufferBytes: 16 * PAGE_BYTES,
  maxBuffers: 12,
  maxSessions: 16,
  maxLeases: 24,
  maxGrants: 8,
  maxCalls: 8,
  maxAllocationsAtOnce: 2,
  slowWaitMs: 1_000,
  maxQueuedEvents: 16,
  maxWatchersPerSession: 2,
};

export class FakeClock implements Clock {
  private timeMs = 1_000_000;
  private readonly timers = new Set<{ atMs: number; callback: () => void }>();

  now(): number {
    return this.timeMs;
  }

  after(delayMs: number, callback: () => void): () => void {
    const timer = { atMs: this.timeMs + delayMs, callback };
    this.timers.add(timer);
    return () => this.timers.delete(timer);
  }

  /** The process that set the timers has died. */
  forgetTimers(): void {
    this.timers.clear();
  }

  advance(ms: number): void {
    this.timeMs += ms;
    for (const timer of [...this.timers]) {
      if (timer.atMs > this.timeMs) continue;
      this.timers.delete(timer);
      timer.callback();
    }
  }
}

/** Holds calls up while it is stalled, and keeps the books that the real kernel would. */
export class FakeKernel {
  readonly memories: FakeMemory[] = [];
  isStalled = false;
  /** STARTs and ENDs. */
  callCount = 0;
  private readonly held: (() => void)[] = [];
  private lastInode = 0;

  nextInode(): number {
    this.lastInode += 1;
    return this.lastInode;
  }

  get openMemories(): FakeMemory[] {
    return this.memories.filter((memory) => !memory.closed);
  }

  /** A process that has died calls it no more. */
  isCallerDead = false;

  async call(): Promise<void> {
    if (this.isCallerDead) return new Promise(() => {});
    this.callCount += 1;
    if (this.isStalled) await new Promise<void>((resolve) => this.held.push(resolve));
  }

  resume(): void {
    this.isStalled = false;
    for (const go of this.held.splice(0)) go();
  }
}

export class FakeMemory implements Memory {
  readonly kind = 'dma-buf';
  readonly device = 7;
  closed = false;
  /** Fences that never signal, as long as it is set. */
  isBusy = false;
  /** References of others, which they have whatever the daemon does. */
  heldElsewhere = 0;
  isWithdrawn = false;
  readonly log: string[] = [];
  readonly inside: CpuAccessMode[] = [];
  failNextStart: Error | null = null;
  failNextEnd: Error | null = null;
  private readonly waiting = new Set<() => void>();

  constructor(
    private readonly kernel: FakeKernel,
    readonly sizeBytes: number | null,
    readonly access: 'read' | 'read-write' = 'read-write',
    readonly inode = kernel.nextInode(),
  ) {
    kernel.memories.push(this);
  }

  enforcesReadOnly(): boolean {
    return false;
  }

  querySize(): number | null {
    return this.sizeBytes;
  }

  isIdle(): boolean {
    return !this.isBusy;
  }

  whenIdle(_mode: CpuAccessMode, signal: AbortSignal): Promise<void> {
    if (!this.isBusy) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.waiting.add(resolve);
      signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true });
    });
  }

  /** The process that waited has died. */
  forgetWaiters(): void {
    this.waiting.clear();
  }

  signalFences(): void {
    this.isBusy = false;
    for (const resolve of this.waiting) resolve();
    this.waiting.clear();
  }

  async beginCpuAccess(mode: CpuAccessMode): Promise<boolean> {
    if (this.closed) throw new Error('START on closed memory');
    await this.kernel.call();
    if (this.isBusy) return false;
    if (this.failNextStart !== null) {
      const error = this.failNextStart;
      this.failNextStart = null;
      throw error;
    }
    const alone = this.inside.length === 0;
    const shared = mode === 'read' && this.inside.every((other) => other === 'read');
    if (!alone && !shared) throw new Error(`${mode} while inside: ${this.inside.join()}`);
    this.inside.push(mode);
    this.log.push(`START ${mode}`);
    return true;
  }

  async endCpuAccess(mode: CpuAccessMode): Promise<void> {
    if (this.closed) throw new Error('END on closed memory');
    const at = this.inside.indexOf(mode);
    if (at < 0) {
      // The caller may have nobody to tell of the error, but the log is always looked at.
      this.log.push(`END ${mode}`);
      throw new Error(`END ${mode} without a START`);
    }
    await this.kernel.call();
    this.inside.splice(this.inside.indexOf(mode), 1);
    this.log.push(`END ${mode}`);
    const error = this.failNextEnd;
    this.failNextEnd = null;
    if (error !== null) throw error;
  }

  withdraw(): void {
    this.isWithdrawn = true;
  }

  referencesElsewhere(): number {
    return this.heldElsewhere;
  }

  async close(): Promise<void> {
    if (this.kernel.isCallerDead) return new Promise(() => {});
    if (this.closed) throw new Error('closed twice');
    if (this.inside.length > 0) throw new Error('closed with an access inside');
    this.closed = true;
  }
}

export class FakeHeap implements Heap {
  readonly description = {
    name: 'system',
    kind: 'dma-heap',
    memory: 'dma-buf',
    capabilities: [],
    maxBufferBytes: null,
    unavailableReason: null,
  } as const;
  failNext: Error | null = null;

  constructor(private readonly kernel: FakeKernel) {}

  roundUp(sizeBytes: number): number {
    return Math.ceil(sizeBytes / PAGE_BYTES) * PAGE_BYTES;
  }

  async allocate({ sizeBytes }: { sizeBytes: number }): Promise<Memory> {
    await this.kernel.call();
    if (this.failNext !== null) {
      const error = this.failNext;
      this.failNext = null;
      throw error;
    }
    return new FakeMemory(this.kernel, this.roundUp(sizeBytes));
  }
}

export class FakeTable implements LeaseTable {
  readonly rows = new Map<string, LeaseRow>();
  /** The leases whose sessions were told. */
  readonly revoked: string[] = [];

  put(sessionId: SessionId, row: LeaseRow): void {
    this.rows.set(`${sessionId}/${row.bufferId}`, row);
  }

  drop(sessionId: SessionId, bufferId: BufferId): void {
    this.rows.delete(`${sessionId}/${bufferId}`);
  }

  revoke(sessionId: SessionId, bufferId: BufferId): void {
    this.drop(sessionId, bufferId);
    this.revoked.push(`${sessionId}/${bufferId}`);
  }
}

export function fakeSecrets(): Secrets {
  let last = 0;
  const digest = (secret: Uint8Array) => `digest of ${secret.join()}`;
  return {
    make() {
      last += 1;
      const secret = Uint8Array.of(last >> 8, last & 255);
      return { secret, digest: digest(secret) };
    },
    digest,
  };
}

export function peer(pid: number, uid = 1000): Peer {
  const attested = {
    pid,
    startTime: pid * 10,
    pidfsInode: pid * 100,
    uid,
    gid: uid,
    groups: [],
    comm: `client${pid}`,
  };
  const cgroup = `/test/${uid}`;
  return { ...attested, cgroup, unit: '', container: '', isContained: false };
}

export function sessionId(value: number): SessionId {
  if (!isSessionId(value)) throw new Error(`${value} is no session id`);
  return value;
}

export const DAEMON_UID = 500;

/** A broker over fakes. */
export class Bench {
  readonly clock = new FakeClock();
  readonly kernel = new FakeKernel();
  readonly heap = new FakeHeap(this.kernel);
  readonly table = new FakeTable();
  readonly reports: string[] = [];
  readonly warnings: Record<string, unknown>[] = [];
  readonly audit: AuditRecord[] = [];
  readonly policy: PolicyInForce;
  readonly keeper = new FakeKeeper();
  broker: Broker;
  private readonly secrets = fakeSecrets();
  private process = this.newProcess();

  constructor(
    private readonly limits: Partial<Limits> = {},
    policy: Policy = builtInPolicy(DAEMON_UID),
  ) {
    this.policy = new PolicyInForce(policy);
    this.broker = this.start();
  }

  /** The daemon is killed, and another one takes over what it kept. */
  restart(): void {
    this.process.notesLeft = 0;
    this.kernel.isCallerDead = false;
    this.clock.forgetTimers();
    for (const memory of this.kernel.memories) memory.forgetWaiters();
    this.table.rows.clear();
    this.process = this.newProcess();
    this.broker = this.start();
    this.broker.restore(this.keeper.facts());
  }

  /** What the daemon keeps after so many more notes is lost: as if it had been killed in between. */
  dieAfter(notes: number): void {
    this.process.notesLeft = notes;
  }

  private newProcess(): FakeProcess {
    const process: FakeProcess = {
      notesLeft: Number.POSITIVE_INFINITY,
      onDeath: () => {
        // One that has died before must not take the next one's kernel away.
        if (this.process === process) this.kernel.isCallerDead = true;
      },
    };
    return process;
  }

  private start(): Broker {
    return new Broker({
      limits: { ...LIMITS, ...this.limits },
      policy: this.policy,
      daemonUid: DAEMON_UID,
      heaps: [this.heap],
      clock: this.clock,
      secrets: this.secrets,
      table: this.table,
      keeper: this.keeper.handle(this.process),
      freeIds: this.keeper.freeIds,
      audit: { record: (record) => this.audit.push(record) },
      reporter: {
        report: (error, what) => this.reports.push(`${what}: ${String(error)}`),
        warn: (details, what) => this.warnings.push({ ...details, what }),
      },
    });
  }

  open(id: number, uid = 1000): SessionId {
    const session = sessionId(id);
    this.broker.openSession(session, peer(id, uid));
    return session;
  }

  allocate(session: SessionId, sizeBytes = PAGE_BYTES): ReturnType<Broker['intake']['allocate']> {
    return this.broker.intake.allocate(session, { heap: '', sizeBytes, label: '' }, NEVER);
  }

  /** The memory behind a buffer, by its inode. */
  memoryOf(inode: number): FakeMemory {
    const found = this.kernel.openMemories.find((memory) => memory.inode === inode);
    if (found === undefined) throw new Error(`no memory ${inode}`);
    return found;
  }
}

/** A signal that is never aborted. */
export const NEVER: AbortSignal = new AbortController().signal;

/** Lets everything that can go on go on. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** The code of the refusal that a call ends with; `ok` if it succeeds. Anything else is thrown on. */
export async function outcome(call: () => unknown): Promise<DomainErrorCode | 'ok'> {
  try {
    await call();
    return 'ok';
  } catch (error) {
    if (error instanceof DomainError) return error.code;
    throw error;
  }
}

/** The message of a refusal. */
export async function refusal(call: () => unknown): Promise<string> {
  try {
    await call();
  } catch (error) {
    if (error instanceof DomainError) return `${error.code}: ${error.message}`;
    throw error;
  }
  throw new Error('it was not refused');
}
