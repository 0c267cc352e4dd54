/**
 * Accounts of bytes and buffers. What is about to be taken is reserved first, settled to what the kernel really gave,
 * and refunded exactly once. An account may have a parent, which is charged along with it: a user's
 * account is a part of the daemon's.
 */
import { DomainError } from './errors';

export interface AccountLimits {
  readonly maxBytes: number;
  readonly maxBuffers: number;
}

/** One buffer's charge. Refunded once; a second refund does nothing. */
export class Charge {
  private refunded = false;

  constructor(
    private readonly account: Account,
    private chargedBytes: number,
    private readonly onRefunded: () => void,
  ) {}

  get bytes(): number {
    return this.chargedBytes;
  }

  /** Replaces the reserved bytes by those that the kernel gave. RESOURCE_EXHAUSTED if that is too many. */
  settle(actualBytes: number): void {
    const moreBytes = actualBytes - this.chargedBytes;
    if (moreBytes > 0) this.account.check(moreBytes, 0);
    this.account.book(moreBytes, 0);
    this.chargedBytes = actualBytes;
  }

  refund(): void {
    if (this.refunded) return;
    this.refunded = true;
    this.account.book(-this.chargedBytes, -1);
    this.onRefunded();
  }
}

export class Account {
  private bytes = 0;
  private buffers = 0;

  constructor(
    /** Whose it is, for the message: `the daemon`, `uid 1000`. */
    private readonly owner: string,
    private readonly limits: AccountLimits,
    private readonly parent: Account | null,
  ) {}

  get heldBytes(): number {
    return this.bytes;
  }

  get heldBuffers(): number {
    return this.buffers;
  }

  /** Refuses before anything is booked, here or in a parent. */
  check(moreBytes: number, moreBuffers: number): void {
    const { maxBytes, maxBuffers } = this.limits;
    if (this.bytes + moreBytes > maxBytes) {
      throw this.exhausted('bytes', this.bytes, moreBytes, maxBytes);
    }
    if (this.buffers + moreBuffers > maxBuffers) {
      throw this.exhausted('buffers', this.buffers, moreBuffers, maxBuffers);
    }
    this.parent?.check(moreBytes, moreBuffers);
  }

  book(bytes: number, buffers: number): void {
    this.bytes += bytes;
    this.buffers += buffers;
    this.parent?.book(bytes, buffers);
  }

  private exhausted(what: string, held: number, asked: number, limit: number): DomainError {
    return new DomainError(
      'resource-exhausted',
      `${this.owner} holds ${held} of at most ${limit} ${what}, ${asked} more do not fit`,
    );
  }
}

/** The daemon's account, and one for each user who holds something. */
export class Quota {
  private readonly total: Account;
  private readonly users = new Map<number, Account>();

  constructor(
    total: AccountLimits,
    private readonly eachUser: AccountLimits,
  ) {
    this.total = new Account('the daemon', total, null);
  }

  get chargedBytes(): number {
    return this.total.heldBytes;
  }

  /** Bytes of one user, for those who look into it. */
  bytesOf(uid: number): number {
    return this.users.get(uid)?.heldBytes ?? 0;
  }

  reserve(uid: number, bytes: number): Charge {
    const known = this.users.get(uid);
    const account = known ?? new Account(`uid ${uid}`, this.eachUser, this.total);
    account.check(bytes, 1);
    account.book(bytes, 1);
    if (known === undefined) this.users.set(uid, account);
    return new Charge(account, bytes, () => {
      if (account.heldBuffers === 0) this.users.delete(uid);
    });
  }
}
