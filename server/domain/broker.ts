/**
 * The broker: everything that a client can cause is an operation here. It wires the parts of the domain together
 * and owns the life of sessions. Its rules, whatever the clients do: no lease without a session, no buffer
 * without a lease, no access without a lease; bytes charged are bytes held; after the last session nothing is
 * left.
 */
import { Auditor } from './audit';
import { Buffers } from './buffers';
import { type Caller, Callers } from './callers';
import { DomainError, type DomainErrorCode } from './errors';
import { type EventFeed, EventHub } from './events';
import { FIRST_IDS, type FreeIds, type Keeper, type KeptFacts } from './facts';
import { HeapCatalogue } from './heaps';
import { IdSource } from './id-source';
import type { SessionId } from './ids';
import { Intake } from './intake';
import { Leases } from './leases';
import { Ledger } from './ledger';
import type { Limits } from './limits';
import type { Peer } from './peer';
import type { PolicyInForce } from './policy';
import type { Audit, Clock, Heap, LeaseTable, Reporter, Secrets } from './ports';
import { type Charge, FAIR_SHARES, Quota } from './quota';
import { Session } from './records';
import { Restoration } from './restoration';
import { Shares } from './shares';
import type { Totals } from './views';

/** All that the broker needs. */
export interface BrokerSetUp {
  readonly limits: Limits;
  readonly policy: PolicyInForce;
  /** Its user is an administrator, as root is. */
  readonly daemonUid: number;
  /** Usable ones first, the default first of all. */
  readonly heaps: readonly Heap[];
  readonly clock: Clock;
  readonly secrets: Secrets;
  readonly table: LeaseTable;
  readonly audit: Audit;
  readonly reporter: Reporter;
  readonly keeper: Keeper;
  /** Ids below these may have been given by an earlier process. */
  readonly freeIds?: FreeIds;
}

/** Enough to be told that they are kept out. */
const KEPT_OUT_LIMITS = { ...FAIR_SHARES, connections: 4 };

export class Broker {
  readonly heaps: HeapCatalogue;
  readonly intake: Intake;
  readonly buffers: Buffers;
  readonly shares: Shares;
  readonly callers: Callers;
  readonly quota: Quota;
  readonly auditor: Auditor;
  private readonly ledger = new Ledger();
  private readonly leases: Leases;
  private readonly events: EventHub;
  private readonly ids: IdSource;
  private readonly keeper: Keeper;
  private readonly reporter: Reporter;

  constructor({ limits, policy, daemonUid, heaps, freeIds = FIRST_IDS, ...ports }: BrokerSetUp) {
    const { clock, secrets, table, audit, reporter, keeper } = ports;
    this.ids = new IdSource(keeper, freeIds);
    this.keeper = keeper;
    this.reporter = reporter;
    this.events = new EventHub(clock, limits);
    this.heaps = new HeapCatalogue(heaps);
    this.auditor = new Auditor(audit, policy);
    this.callers = new Callers(this.ledger, policy, daemonUid);
    this.quota = new Quota({
      bytes: limits.maxBytes,
      buffers: limits.maxBuffers,
      sessions: limits.maxSessions,
      connections: limits.maxSessions,
      leases: limits.maxLeases,
      grants: limits.maxGrants,
      calls: limits.maxCalls,
    });
    const outside = { clock, table, reporter, keeper, slowWaitMs: limits.slowWaitMs };
    const { ledger, heaps: catalogue, callers, quota, events, auditor } = this;
    this.leases = new Leases(ledger, callers, quota, outside, events, this.ids);
    this.intake = new Intake(this.leases, quota, catalogue, callers, auditor, limits);
    this.buffers = new Buffers(this.leases, callers, auditor);
    this.shares = new Shares(this.leases, callers, events, secrets, auditor);
  }

  /**
   * The id is the one under which the fd plane knows the connection. PERMISSION_DENIED for a peer that the policy keeps
   * out, RESOURCE_EXHAUSTED if its account has as many sessions as it may.
   */
  openSession(id: SessionId, peer: Peer): void {
    this.auditor.watch({ action: 'open-session', peer, sessionId: id, details: {} }, () => {
      const charge = this.quota.reserve(this.callers.payerOf(peer), { sessions: 1 });
      this.ledger.addSession(new Session(id, peer, charge));
      this.ids.noteSession(id);
      this.keeper.keepSession({ id, peer, account: charge.account });
    });
    this.events.publish(id, { type: 'session-opened', peer }, [id]);
  }

  /** Ends a session and all that hangs on it; nothing if there is none. */
  closeSession(id: SessionId, reason: string, code: DomainErrorCode = 'cancelled'): void {
    const session = this.ledger.findSession(id);
    if (session === undefined) return;
    const why = new DomainError(code, `session ${id} ended: ${reason}`);
    session.ended = true;
    this.leases.grants.forgetSession(id);
    for (const lease of [...session.leases.values()]) this.leases.end(lease, 'released', why);
    this.ledger.removeSession(session);
    this.keeper.forgetSession(id);
    session.charge.refund();
    const { peer } = session;
    this.auditor.allowed({ action: 'close-session', peer, sessionId: id, details: { reason } });
    this.events.publish(id, { type: 'session-closed', reason }, [id]);
    this.events.endFeeds(id, why);
  }

  /** The process behind a session; undefined once it has ended. */
  peerOf(id: SessionId): Peer | undefined {
    return this.ledger.findSession(id)?.peer;
  }

  /**
   * A connection to control.sock, for as long as the charge is not refunded. RESOURCE_EXHAUSTED if its account has as many
   * as it may. Whom the policy keeps out has a few, over which each call is told so.
   */
  admitConnection(peer: Peer): Charge {
    const asked = { action: 'connect', peer, sessionId: null, details: {} } as const;
    return this.auditor.watchDenials(asked, () => {
      const { rule, account } = this.callers.decide(peer);
      const limits = rule.rights?.limits ?? KEPT_OUT_LIMITS;
      return this.quota.reserve({ account, limits }, { connections: 1 });
    });
  }

  /** A call that is under way, for as long as the charge is not refunded. */
  admitCall(peer: Peer): Charge {
    return this.quota.reserve(this.callers.payerOf(peer), { calls: 1 });
  }

  /** Events from now on, of the session or, for those who may inspect, of all. */
  watch(caller: Caller, allSessions: boolean): EventFeed {
    if (allSessions) {
      this.callers.requireInspector(caller.peer, 'watch the events of all sessions');
      return this.events.watch('all');
    }
    if (caller.sessionId === null) {
      throw new DomainError(
        'unauthenticated',
        'watching needs a session: connect to fd.sock first',
      );
    }
    return this.events.watch(this.ledger.session(caller.sessionId).id);
  }

  totals(): Totals {
    return {
      sessions: this.ledger.sessionCount,
      buffers: this.ledger.leasedBufferCount,
      lingeringBuffers: this.ledger.lingeringBufferCount,
      leases: this.ledger.leaseCount,
      grants: this.leases.grants.count,
      cpuAccesses: this.leases.cpuAccessTally.open,
      waiters: this.leases.cpuAccessTally.waiting,
      chargedBytes: this.quota.held('bytes'),
    };
  }

  /** Takes over what an earlier process of the daemon kept, before anybody is served. */
  restore(kept: KeptFacts): void {
    new Restoration(this.leases, this.quota, this.keeper, this.reporter).restore(kept);
  }

  /** Ends all feeds and waits, and leaves the sessions, and what they have, to a later process. */
  handOver(reason: string): void {
    const why = new DomainError('unavailable', reason);
    for (const buffer of this.ledger.allBuffers()) buffer.cpuAccess?.handOver(why);
    this.events.endAll(why);
  }

  /** Ends all sessions and all feeds. SYNC ENDs that are owed are under way when it returns. */
  close(reason: string): void {
    for (const id of this.ledger.sessionIds()) this.closeSession(id, reason, 'unavailable');
    this.events.endAll(new DomainError('unavailable', reason));
  }
}
