/**
 * Clients that never rest: they allocate, adopt, write, read, share with one another, open, revoke and release, and know what
 * must be in each buffer. What goes wrong for one of them is remembered; a restart of the daemon is nothing of that.
 */

import { type Broker, connect, type SharedBuffer } from '../../../client';
import addon from '../../../native';
import { patience } from '../slowness';

const PAGE_BYTES = 4096;
const MOST_PAGES = 8;
const MOST_BUFFERS = 6;

interface Held {
  readonly buffer: SharedBuffer;
  /** What each byte is computed from. */
  seed: number;
}

/** Bytes that no other seed has in such an order. */
function pattern(seed: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = seed >>> 0;
  for (let at = 0; at < length; at += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

class Client {
  readonly held: Held[] = [];
  operations = 0;

  constructor(
    private readonly number: number,
    readonly broker: Broker,
    private readonly random: () => number,
  ) {}

  async step(others: readonly Client[]): Promise<void> {
    const held = this.held[Math.floor(this.random() * this.held.length)];
    const dice = this.random();
    this.operations += 1;
    if (held === undefined || (dice < 0.15 && this.held.length < MOST_BUFFERS)) {
      await this.take();
    } else if (dice < 0.4) {
      held.seed = Math.floor(this.random() * 2 ** 32);
      await held.buffer.write(0, pattern(held.seed, held.buffer.sizeBytes ?? 0), limits());
    } else if (dice < 0.6) {
      await this.verify(held);
    } else if (dice < 0.9) {
      await this.share(held, others[Math.floor(this.random() * others.length)] ?? this);
    } else {
      this.held.splice(this.held.indexOf(held), 1);
      await held.buffer.release(limits());
    }
  }

  async verify({ buffer, seed }: Held, reader: SharedBuffer = buffer): Promise<void> {
    const bytes = await reader.read(0, undefined, limits());
    if (pattern(seed, bytes.length).equals(bytes)) return;
    throw new Error(`buffer ${buffer.id} does not hold what was written`);
  }

  private async take(): Promise<void> {
    const sizeBytes = PAGE_BYTES * (1 + Math.floor(this.random() * MOST_PAGES));
    const seed = Math.floor(this.random() * 2 ** 32);
    const buffer =
      this.random() < 0.3
        ? await this.adopt(sizeBytes)
        : await this.broker.allocate({ sizeBytes }, limits());
    await buffer.write(0, pattern(seed, buffer.sizeBytes ?? 0), limits());
    this.held.push({ buffer, seed });
  }

  private async adopt(sizeBytes: number): Promise<SharedBuffer> {
    using memfd = await addon.createMemfd('load', sizeBytes);
    return await this.broker.adopt(memfd, { label: 'adopted' }, limits());
  }

  /** No access of another is under way on a buffer of ours: we are the only one who writes, and we wait here. */
  private async share(held: Held, other: Client): Promise<void> {
    const name = this.random() < 0.5 ? `load/${this.number}` : undefined;
    const share = await held.buffer.share({ access: 'read', name }, limits());
    const by = share.secret === null ? { name: name ?? '' } : { secret: share.secret };
    const theirs = await other.broker.open(by, limits());
    await this.verify(held, theirs);
    await theirs.release(limits());
    await share.revoke(limits());
  }
}

const limits = () => ({ timeoutMs: patience(60_000) });

/** As many clients as are told, of one process. */
export class Load implements AsyncDisposable {
  readonly failures: string[] = [];
  private isOver = false;
  private readonly running: Promise<void>[];

  private constructor(readonly clients: readonly Client[]) {
    this.running = clients.map((client) => this.run(client));
    for (const { broker } of clients) {
      broker.on('disconnected', ({ message }) => this.failures.push(`disconnected: ${message}`));
      broker.on('lost', ({ id }) => this.failures.push(`lost ${id}`));
      broker.on('revoked', ({ id }) => this.failures.push(`revoked ${id}`));
    }
  }

  static async start(runtimeDirectory: string, count: number, random: () => number): Promise<Load> {
    const brokers = await Promise.all(
      Array.from({ length: count }, () => connect({ runtimeDirectory, ...limits() })),
    );
    // A session is kept for certain when something has been answered in it.
    for (const broker of brokers) await broker.heaps(limits());
    return new Load(brokers.map((broker, number) => new Client(number, broker, random)));
  }

  get first(): Broker {
    const [client] = this.clients;
    if (client === undefined) throw new Error('a load of no clients');
    return client.broker;
  }

  get operations(): number {
    return this.clients.reduce((sum, { operations }) => sum + operations, 0);
  }

  /** Lets each finish what it is at. */
  async stop(): Promise<void> {
    this.isOver = true;
    await Promise.all(this.running);
  }

  /** Every byte of every buffer, and that nobody holds more or less than he thinks. Answers how many buffers there are. */
  async verify(): Promise<number> {
    let buffers = 0;
    for (const client of this.clients) {
      for (const held of client.held) await client.verify(held);
      const listed = await client.broker.list(limits());
      const known = client.held.map(({ buffer }) => buffer.id).sort((a, b) => a - b);
      expect(listed.map(({ id }) => id)).toEqual(known);
      expect(await client.broker.grants(limits())).toEqual([]);
      buffers += known.length;
    }
    return buffers;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.isOver = true;
    for (const { broker } of this.clients) await broker.close();
    await Promise.all(this.running);
  }

  private async run(client: Client): Promise<void> {
    const others = this.clients.filter((other) => other !== client);
    while (!this.isOver) {
      try {
        await client.step(others);
      } catch (error) {
        if (!this.isOver) this.failures.push(String(error));
        return;
      }
    }
  }
}
