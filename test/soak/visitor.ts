/**
 * A client that comes, does a number of things with the daemon and with what others share, is denied some, and leaves: by itself or by
 * `kill -9`, with whatever it holds, waits for and is inside of.
 */
import { ClientProcess } from '../e2e/client-process';
import type { DaemonProcess } from '../e2e/daemon-process';

const MOST_STEPS = 40;
const SIZES = [4096, 64 * 1024, 1024 * 1024];
const MODES = ['read', 'write', 'read-write'] as const;
/** What a client may be told that others get in the way of, or that asks for what is not its own. */
const REFUSALS = new Set([
  'ALREADY_EXISTS',
  'DEADLINE_EXCEEDED',
  'FAILED_PRECONDITION',
  'NOT_FOUND',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
]);

export interface Visit {
  readonly steps: number;
  readonly refusals: number;
}

export class Visitor {
  private readonly own: number[] = [];
  private readonly grants: number[] = [];
  private readonly inside = new Set<number>();
  private refusals = 0;

  private constructor(
    private readonly client: ClientProcess,
    private readonly random: () => number,
    /** Names that visitors share by, and guess. */
    private readonly names: readonly string[],
  ) {}

  static async visit(
    daemon: DaemonProcess,
    random: () => number,
    names: readonly string[],
  ): Promise<Visit> {
    await using client = await ClientProcess.start(daemon);
    const visitor = new Visitor(client, random, names);
    const steps = 1 + Math.floor(random() * MOST_STEPS);
    for (let step = 0; step < steps; step += 1) await visitor.step();
    if (random() < 0.5) await visitor.tidyUp();
    return { steps, refusals: visitor.refusals };
  }

  private async step(): Promise<void> {
    const steps = [
      () => this.allocate(),
      () => this.adopt(),
      () => this.share(),
      () => this.open(),
      () => this.open(),
      () => this.write(),
      () => this.read(),
      () => this.enter(),
      () => this.leave(),
      () => this.release(),
      () => this.revoke(),
      () => this.client.tell('keep', { bufferId: this.buffer(), what: 'fd' }),
      () => this.client.tell('watch', {}),
      () => this.client.tell('describe', { bufferId: 1 + Math.floor(this.random() * 50) }),
    ];
    await this.attempt(this.pick(steps));
  }

  private async attempt(step: () => Promise<unknown>): Promise<void> {
    try {
      await step();
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : '';
      // The client itself knows no such buffer: nothing was asked of the daemon.
      const isOwn = code === 'ERROR' && String(error).includes('here');
      if (!isOwn && !REFUSALS.has(code)) throw error;
      this.refusals += 1;
    }
  }

  private async allocate(): Promise<void> {
    const { id } = await this.client.tell('allocate', { sizeBytes: this.pick(SIZES) });
    this.own.push(id);
  }

  private async adopt(): Promise<void> {
    const memfd = { sizeBytes: this.pick(SIZES), label: 'brought' };
    this.own.push((await this.client.tell('adoptMemfd', memfd)).id);
  }

  private async share(): Promise<void> {
    const access = this.random() < 0.5 ? 'read' : 'read-write';
    const sharing = { bufferId: this.buffer(), name: this.pick(this.names), access } as const;
    this.grants.push((await this.client.tell('share', sharing)).grantId);
  }

  private async open(): Promise<void> {
    this.own.push((await this.client.tell('open', { name: this.pick(this.names) })).id);
  }

  private write(): Promise<void> {
    return this.client.tell('write', { bufferId: this.outside(), offset: 0, text: 'soaked' });
  }

  private read(): Promise<string> {
    return this.client.tell('read', { bufferId: this.outside(), offset: 0, length: 6 });
  }

  private async enter(): Promise<void> {
    const bufferId = this.outside();
    // Others may be inside for as long as they live: it waits, and is perhaps killed while it does.
    const entered = this.client.tell('enter', { bufferId, mode: this.pick(MODES) });
    const isIn = await Promise.race([entered.then(() => true), soon()]);
    entered.catch(() => {});
    if (isIn) this.inside.add(bufferId);
  }

  private async leave(): Promise<void> {
    const [bufferId] = this.inside;
    if (bufferId === undefined) return;
    this.inside.delete(bufferId);
    await this.client.tell('leave', { bufferId });
  }

  private async release(): Promise<void> {
    const bufferId = this.own.shift();
    if (bufferId === undefined) return;
    this.inside.delete(bufferId);
    await this.client.tell('release', { bufferId });
  }

  private async revoke(): Promise<void> {
    const grantId = this.grants.shift();
    if (grantId !== undefined) await this.client.tell('revoke', { grantId });
  }

  private async tidyUp(): Promise<void> {
    while (this.inside.size > 0) await this.attempt(() => this.leave());
    while (this.own.length > 0) await this.attempt(() => this.release());
  }

  private buffer(): number {
    return this.own.length === 0 ? 0 : this.pick(this.own);
  }

  /** One that this visitor is not inside of: it would wait for itself. */
  private outside(): number {
    const free = this.own.filter((id) => !this.inside.has(id));
    return free.length === 0 ? 0 : this.pick(free);
  }

  private pick<T>(all: readonly T[]): T {
    const chosen = all[Math.floor(this.random() * all.length)];
    if (chosen === undefined) throw new Error('nothing to pick from');
    return chosen;
  }
}

const soon = () => new Promise<false>((resolve) => setTimeout(resolve, 50, false));
