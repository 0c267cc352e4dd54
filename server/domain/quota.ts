/**
 * What there is to share out, and who holds how much of it. What is about to be taken is reserved first, settled to what the
 * kernel really gave, and refunded exactly once.
 *
 * An account that the policy names a limit for is held to that. Any other is held to its fair share: with n accounts that hold
 * something, at most 1/(n+1) of what the others leave. The first can so take half, and however many come, there is
 * always something left for the next; nobody has to say beforehand how many there will be.
 */
import { DomainError } from './errors';

/** What is shared out: bytes of memory, and things that are counted. */
export const RESOURCES = [
  'bytes',
  'buffers',
  'sessions',
  'connections',
  'leases',
  'grants',
  'calls',
] as const;
export type Resource = (typeof RESOURCES)[number];

/** How much an account may hold of each; null for its fair share. */
export type AccountLimits = Readonly<Record<Resource, number | null>>;
export type Amounts = Partial<Readonly<Record<Resource, number>>>;

/** One value for each resource. */
export function forEachResource<Value>(
  value: (resource: Resource) => Value,
): Record<Resource, Value> {
  return {
    bytes: value('bytes'),
    buffers: value('buffers'),
    sessions: value('sessions'),
    connections: value('connections'),
    leases: value('leases'),
    grants: value('grants'),
    calls: value('calls'),
  };
}

export const FAIR_SHARES: AccountLimits = forEachResource(() => null);
/** As much as there is. */
export const UNLIMITED: AccountLimits = forEachResource(() => Number.POSITIVE_INFINITY);

/** Whose a charge is, and by which limits. */
export interface Payer {
  readonly account: string;
  readonly limits: AccountLimits;
}

/** One resource: how much there is, and who holds how much of it. */
class Pool {
  private readonly heldBy = new Map<string, number>();
  private heldInAll = 0;

  constructor(
    private readonly resource: Resource,
    private readonly available: number,
  ) {}

  get held(): number {
    return this.heldInAll;
  }

  heldOf(account: string): number {
    return this.heldBy.get(account) ?? 0;
  }

  /** The most that the account may hold now. */
  limitOf({ account, limits }: Payer): number {
    const given = limits[this.resource];
    if (given !== null) return Math.min(given, this.available);
    const others = this.heldInAll - this.heldOf(account);
    const accounts = this.heldBy.has(account) ? this.heldBy.size : this.heldBy.size + 1;
    return Math.floor((this.available - others) / (accounts + 1));
  }

  /** RESOURCE_EXHAUSTED says which limit, how much is held and how much was asked. */
  check(payer: Payer, amount: number): void {
    const held = this.heldOf(payer.account);
    const limit = this.limitOf(payer);
    if (amount > 0 && held + amount > limit) {
      const whose = payer.limits[this.resource] === null ? ' (its fair share now)' : '';
      throw this.exhausted(`${payer.account} holds ${held} of at most ${limit}${whose}`, amount);
    }
    if (amount > 0 && this.heldInAll + amount > this.available) {
      throw this.exhausted(
        `the daemon holds ${this.heldInAll} of at most ${this.available}`,
        amount,
      );
    }
  }

  book(account: string, amount: number): void {
    const held = this.heldOf(account) + amount;
    if (held < 0) throw new Error(`${account} would hold ${held} ${this.resource}`);
    if (held === 0) this.heldBy.delete(account);
    else this.heldBy.set(account, held);
    this.heldInAll += amount;
  }

  private exhausted(state: string, asked: number): DomainError {
    const { resource } = this;
    return new DomainError(
      'resource-exhausted',
      `${resource}: ${state}, ${asked} more do not fit: release some, or have the policy or the daemon's limits changed`,
    );
  }
}

/** What somebody holds, until it is refunded. */
export class Charge {
  private refunded = false;

  constructor(
    private readonly quota: Quota,
    private readonly payer: Payer,
    private amounts: Amounts,
  ) {}

  get bytes(): number {
    return this.amounts.bytes ?? 0;
  }

  get account(): string {
    return this.payer.account;
  }

  /** Replaces the reserved bytes by those that the kernel gave. RESOURCE_EXHAUSTED if that is too many. */
  settle(actualBytes: number): void {
    const more = { bytes: actualBytes - this.bytes };
    this.quota.check(this.payer, more);
    this.quota.book(this.payer.account, more, 1);
    this.amounts = { ...this.amounts, bytes: actualBytes };
  }

  /** Does nothing the second time. */
  refund(): void {
    if (this.refunded) return;
    this.refunded = true;
    this.quota.book(this.payer.account, this.amounts, -1);
  }
}

export class Quota {
  private readonly pools: Readonly<Record<Resource, Pool>>;

  constructor(available: Readonly<Record<Resource, number>>) {
    this.pools = forEachResource((resource) => new Pool(resource, available[resource]));
  }

  held(resource: Resource): number {
    return this.pools[resource].held;
  }

  heldOf(account: string, resource: Resource): number {
    return this.pools[resource].heldOf(account);
  }

  /** The most that it may hold now. */
  limitOf(payer: Payer, resource: Resource): number {
    return this.pools[resource].limitOf(payer);
  }

  /** Refuses before anything is booked. */
  reserve(payer: Payer, amounts: Amounts): Charge {
    this.check(payer, amounts);
    this.book(payer.account, amounts, 1);
    return new Charge(this, payer, amounts);
  }

  /** What an earlier process of the daemon had reserved: held as it was, whatever the limits are by now. */
  resume(account: string, amounts: Amounts): Charge {
    this.book(account, amounts, 1);
    return new Charge(this, { account, limits: UNLIMITED }, amounts);
  }

  check(payer: Payer, amounts: Amounts): void {
    for (const resource of RESOURCES) this.pools[resource].check(payer, amounts[resource] ?? 0);
  }

  book(account: string, amounts: Amounts, sign: 1 | -1): void {
    for (const resource of RESOURCES) {
      const amount = amounts[resource] ?? 0;
      if (amount !== 0) this.pools[resource].book(account, sign * amount);
    }
  }
}
