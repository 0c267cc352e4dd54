/**
 * Puts the books back as an earlier process of the daemon kept them. What hangs on something that did not come back is let go:
 * nothing is made up, and nobody gets what was another's.
 */

import { DomainError } from './errors';
import type { CpuAccessFact, GrantFact, Keeper, KeptFacts, LeaseFact, SessionFact } from './facts';
import type { GrantId } from './ids';
import type { Leases } from './leases';
import type { Peer } from './peer';
import type { AuditDetails, Reporter } from './ports';
import type { Quota } from './quota';
import { type Grant, Session } from './records';

/** Whoever held what is let go. */
const GONE: Peer = {
  pid: 0,
  startTime: 0,
  pidfsInode: 0,
  uid: 0,
  gid: 0,
  groups: [],
  comm: '',
  cgroup: '',
  unit: '',
  container: '',
  isContained: true,
};

export class Restoration {
  constructor(
    private readonly leases: Leases,
    private readonly quota: Quota,
    private readonly keeper: Keeper,
    private readonly reporter: Reporter,
  ) {}

  /** To be called once, before anybody is served. Nobody is told by events: nothing has happened. */
  restore({ sessions, buffers, grants, leases, cpuAccesses }: KeptFacts): void {
    for (const fact of sessions) this.resumeSession(fact);
    const records = buffers.map(({ fact, memory }) => this.leases.resumeBuffer(fact, memory));
    const resumed = new Map<GrantId, Grant>();
    for (const fact of grants) {
      const grant = this.resumeGrant(fact);
      if (grant !== null) resumed.set(fact.id, grant);
    }
    for (const fact of [...leases].sort(ownersFirst)) this.resumeLease(fact, resumed);
    this.leases.grants.forgetSpent();
    for (const fact of cpuAccesses) this.resumeCpuAccess(fact);
    for (const record of records) this.leases.retireUnleased(record);
  }

  private resumeSession({ id, peer, account }: SessionFact): void {
    const charge = this.quota.resume(account, { sessions: 1 });
    this.leases.ledger.addSession(new Session(id, peer, charge));
  }

  private resumeGrant(fact: GrantFact): Grant | null {
    const isUseful =
      this.leases.ledger.findSession(fact.maker) !== undefined &&
      this.leases.ledger.findBuffer(fact.bufferId) !== undefined;
    const grant = isUseful ? this.leases.grants.resume(fact) : null;
    if (grant === null) {
      this.keeper.forgetGrant(fact.id);
      this.warn({ grantId: fact.id, bufferId: fact.bufferId }, 'a grant');
    }
    return grant;
  }

  private resumeLease(fact: LeaseFact, grants: ReadonlyMap<GrantId, Grant>): void {
    const { sessionId, bufferId } = fact;
    const session = this.leases.ledger.findSession(sessionId);
    const buffer = this.leases.ledger.findBuffer(bufferId);
    try {
      if (session === undefined || buffer === undefined)
        throw new Error('what it hangs on is gone');
      const lease = this.leases.resume(session, buffer, fact);
      for (const id of fact.openedWith) {
        const grant = grants.get(id);
        if (grant !== undefined) this.leases.grants.resumeLease(grant, lease);
      }
    } catch (error) {
      this.keeper.forgetLease(sessionId, bufferId);
      this.warn({ sessionId, bufferId, why: String(error) }, 'a lease');
    }
  }

  /** An END is owed, also where nobody has the access any more. */
  private resumeCpuAccess({ sessionId, bufferId, mode }: CpuAccessFact): void {
    const buffer = this.leases.ledger.findBuffer(bufferId);
    const session = this.leases.ledger.findSession(sessionId);
    const peer = session?.peer ?? GONE;
    const access = buffer && this.leases.cpuAccessOf(buffer);
    if (access?.resume({ id: sessionId, peer }, mode) !== true) {
      this.keeper.forgetCpuAccess(sessionId, bufferId);
      this.warn({ sessionId, bufferId }, 'an access');
      return;
    }
    if (buffer?.leases.has(sessionId) === true) return;
    const why = new DomainError('unavailable', 'its lease had ended when the daemon was restarted');
    access.drop(sessionId, why);
  }

  private warn(details: AuditDetails, what: string): void {
    this.reporter.warn(details, `${what} that was kept over the restart did not come back`);
  }
}

/** An owner's lease is the first of its buffer. */
function ownersFirst(a: LeaseFact, b: LeaseFact): number {
  return Number(b.isOwner) - Number(a.isOwner) || a.createdAtMs - b.createdAtMs;
}
