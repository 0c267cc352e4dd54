/**
 * Grants: an owner's permission for others to open a buffer, by a secret or by a published name. The book stores a
 * secret's digest only, and finds a grant by its digest, so that neither a listing nor the time that a look-up takes tells
 * anything. A grant that has ended opens nothing; it is remembered, and charged, while leases that it gave live, so that
 * its maker can still revoke those.
 */
import { DomainError } from './errors';
import type { GrantEndReason } from './events';
import type { GrantFact, GrantTerms, Keeper } from './facts';
import type { IdSource } from './id-source';
import { type BufferId, type GrantId, isGrantId, type SessionId } from './ids';
import { isMemberOf, type Peer } from './peer';
import type { Clock } from './ports';
import type { Payer, Quota } from './quota';
import type { Grant, Lease } from './records';
import type { Audience, GrantView } from './views';

/** Whether the peer, as the kernel attests it, is one of those whom the grant is for. */
export function admits(audience: Audience, peer: Peer): boolean {
  if (audience.uid !== null && audience.uid !== peer.uid) return false;
  if (audience.gid !== null && !isMemberOf(peer, audience.gid)) return false;
  return audience.cgroup === null || isWithinCgroup(peer.cgroup, audience.cgroup);
}

function isWithinCgroup(cgroup: string, ancestor: string): boolean {
  const prefix = ancestor.endsWith('/') ? ancestor : `${ancestor}/`;
  return cgroup === ancestor || (cgroup !== '' && cgroup.startsWith(prefix));
}

export class GrantBook {
  private readonly usable = new Map<GrantId, Grant>();
  private readonly byName = new Map<string, Grant>();
  private readonly byDigest = new Map<string, Grant>();
  /** Those that have ended but gave leases that live are in here too. */
  private readonly byMaker = new Map<SessionId, Map<GrantId, Grant>>();
  private readonly byBuffer = new Map<BufferId, Set<Grant>>();

  constructor(
    private readonly clock: Clock,
    private readonly quota: Quota,
    private readonly ids: IdSource,
    private readonly keeper: Pick<Keeper, 'keepGrant' | 'forgetGrant'>,
    private readonly onEnded: (grant: Grant, reason: GrantEndReason) => void,
  ) {}

  /** How many can be used. */
  get count(): number {
    return this.usable.size;
  }

  /** ALREADY_EXISTS if the name is taken; RESOURCE_EXHAUSTED if the account has made too many. */
  add(terms: GrantTerms, timeToLiveMs: number | null, payer: Payer): Grant {
    if (terms.name !== null && this.byName.has(terms.name)) {
      throw new DomainError('already-exists', `the name ${terms.name} is taken`);
    }
    const charge = this.quota.reserve(payer, { grants: 1 });
    const grant: Grant = {
      ...terms,
      charge,
      id: this.ids.grant(),
      expiresAtMs: timeToLiveMs === null ? null : this.clock.now() + timeToLiveMs,
      uses: 0,
      ended: false,
      leases: new Set(),
      cancelExpiry: () => {},
    };
    this.enter(grant);
    this.keeper.keepGrant(factOf(grant));
    return grant;
  }

  /** Takes over one that an earlier process of the daemon had, unless its name is taken. */
  resume(fact: GrantFact): Grant | null {
    const { account, ...terms } = fact;
    if (terms.name !== null && !terms.ended && this.byName.has(terms.name)) return null;
    const charge = this.quota.resume(account, { grants: 1 });
    const grant: Grant = { ...terms, charge, leases: new Set(), cancelExpiry: () => {} };
    if (grant.ended) this.enterByMaker(grant);
    else this.enter(grant);
    return grant;
  }

  /** A lease that was opened with a grant, as an earlier process had it. */
  resumeLease(grant: Grant, lease: Lease): void {
    this.tie(grant, lease);
  }

  /** Forgets those that are remembered for leases that did not come back. */
  forgetSpent(): void {
    for (const grants of [...this.byMaker.values()]) {
      for (const grant of [...grants.values()]) this.forgetIfSpent(grant);
    }
  }

  findByName(name: string): Grant | undefined {
    return this.current(this.byName.get(name));
  }

  findByDigest(digest: string): Grant | undefined {
    return this.current(this.byDigest.get(digest));
  }

  /** One that the session made and that opens something, or has opened something that lives. */
  findByMaker(maker: SessionId, id: number): Grant | undefined {
    return isGrantId(id) ? this.byMaker.get(maker)?.get(id) : undefined;
  }

  /** Counts a use, and ends the grant with its last. The lease is remembered if it has something by this grant. */
  use(grant: Grant, lease: Lease, gaveSomething: boolean): void {
    grant.uses += 1;
    if (gaveSomething && !lease.isOwner) this.tie(grant, lease);
    if (grant.maxUses !== null && grant.uses >= grant.maxUses) this.end(grant, 'used-up');
    else this.keeper.keepGrant(factOf(grant));
  }

  /** Nobody can open with it any more. Does nothing the second time. */
  end(grant: Grant, reason: GrantEndReason): void {
    if (grant.ended) return;
    grant.ended = true;
    grant.cancelExpiry();
    this.usable.delete(grant.id);
    if (grant.name !== null) this.byName.delete(grant.name);
    if (grant.digest !== null) this.byDigest.delete(grant.digest);
    const onBuffer = this.byBuffer.get(grant.bufferId);
    onBuffer?.delete(grant);
    if (onBuffer?.size === 0) this.byBuffer.delete(grant.bufferId);
    this.keeper.keepGrant(factOf(grant));
    this.forgetIfSpent(grant);
    this.onEnded(grant, reason);
  }

  /** A lease is gone: so are the grants that its holder made on that buffer. */
  forgetLease(lease: Lease): void {
    for (const grant of lease.openedWith ?? []) {
      grant.leases.delete(lease);
      this.forgetIfSpent(grant);
    }
    for (const grant of [...(this.byBuffer.get(lease.buffer.id) ?? [])]) {
      if (grant.maker === lease.session.id) this.end(grant, 'owner-gone');
    }
  }

  forgetBuffer(bufferId: BufferId): void {
    for (const grant of [...(this.byBuffer.get(bufferId) ?? [])]) this.end(grant, 'owner-gone');
  }

  forgetSession(sessionId: SessionId): void {
    for (const grant of [...(this.byMaker.get(sessionId)?.values() ?? [])]) {
      this.end(grant, 'owner-gone');
      for (const lease of grant.leases) lease.openedWith?.delete(grant);
      grant.charge.refund();
      this.keeper.forgetGrant(grant.id);
    }
    this.byMaker.delete(sessionId);
  }

  /** Those of a session that can be used, by ascending id. */
  list(maker: SessionId): Grant[] {
    return [...(this.byMaker.get(maker)?.values() ?? [])].filter((grant) => !grant.ended);
  }

  private tie(grant: Grant, lease: Lease): void {
    grant.leases.add(lease);
    lease.openedWith ??= new Set();
    lease.openedWith.add(grant);
  }

  private enter(grant: Grant): void {
    this.usable.set(grant.id, grant);
    if (grant.name !== null) this.byName.set(grant.name, grant);
    if (grant.digest !== null) this.byDigest.set(grant.digest, grant);
    this.enterByMaker(grant);
    const onBuffer = this.byBuffer.get(grant.bufferId) ?? new Set<Grant>();
    this.byBuffer.set(grant.bufferId, onBuffer.add(grant));
    if (grant.expiresAtMs === null) return;
    const timeToLiveMs = Math.max(grant.expiresAtMs - this.clock.now(), 0);
    grant.cancelExpiry = this.clock.after(timeToLiveMs, () => this.end(grant, 'expired'));
  }

  private enterByMaker(grant: Grant): void {
    const ofMaker = this.byMaker.get(grant.maker) ?? new Map<GrantId, Grant>();
    this.byMaker.set(grant.maker, ofMaker.set(grant.id, grant));
  }

  /** One that has ended is kept only for the leases that it gave. */
  private forgetIfSpent(grant: Grant): void {
    if (!grant.ended || grant.leases.size > 0) return;
    grant.charge.refund();
    this.keeper.forgetGrant(grant.id);
    const ofMaker = this.byMaker.get(grant.maker);
    ofMaker?.delete(grant.id);
    if (ofMaker?.size === 0) this.byMaker.delete(grant.maker);
  }

  /** A timer may be late; the clock decides. */
  private current(grant: Grant | undefined): Grant | undefined {
    if (grant === undefined || grant.expiresAtMs === null) return grant;
    if (this.clock.now() < grant.expiresAtMs) return grant;
    this.end(grant, 'expired');
    return undefined;
  }
}

function factOf(grant: Grant): GrantFact {
  const { id, bufferId, maker, access, audience, name, digest, expiresAtMs, maxUses } = grant;
  const terms = { bufferId, maker, access, audience, name, digest, expiresAtMs, maxUses };
  return { ...terms, id, uses: grant.uses, ended: grant.ended, account: grant.charge.account };
}

export function viewGrant(grant: Grant): GrantView {
  const { id, bufferId, access, audience, name, expiresAtMs, maxUses, uses } = grant;
  return { id, bufferId, access, audience, name, expiresAtMs, maxUses, uses };
}
