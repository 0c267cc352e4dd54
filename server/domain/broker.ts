/**
 * The broker: everything that a client can cause is an operation here. It wires the parts of the domain together
 * and owns the life of sessions. Its rules, whatever the clients do: no lease without a session, no buffer
 * without a lease, no access without a lease; bytes charged are bytes held; after the last session nothing is
 * left.
 */
import { Buffers } from './buffers';
import { type Caller, Callers } from './callers';
import { DomainError, type DomainErrorCode } from './errors';
import { type EventFeed, EventHub } from './events';
import { HeapCatalogue } from './heaps';
import type { SessionId } from './ids';
import { Leases } from './leases';
import type { Limits } from './limits';
import type { Peer } from './peer';
import type { Clock, Heap, LeaseTable, Reporter, Secrets } from './ports';
import { Quota } from './quota';
import { Session } from './records';
import { Shares } from './shares';
import type { Totals } from './views';

/** All that the broker needs. */
export interface BrokerSetUp {
  readonly limits: Limits;
  /** Its user is an administrator, as root is. */
  readonly daemonUid: number;
  /** Usable ones first, the default first of all. */
  readonly heaps: readonly Heap[];
  readonly clock: Clock;
  readonly secrets: Secrets;
  readonly table: LeaseTable;
  readonly reporter: Reporter;
}

export class Broker {
  readonly heaps: HeapCatalogue;
  readonly buffers: Buffers;
  readonly shares: Shares;
  readonly callers: Callers;
  private readonly leases: Leases;
  private readonly quota: Quota;
  private readonly events: EventHub;

  constructor({ limits, daemonUid, heaps, clock, secrets, table, reporter }: BrokerSetUp) {
    const { maxBuffers } = limits;
    this.events = new EventHub(clock, limits);
    this.heaps = new HeapCatalogue(heaps);
    this.leases = new Leases({ clock, table, reporter }, this.events, limits);
    this.quota = new Quota(
      { maxBytes: limits.maxBytes, maxBuffers },
      { maxBytes: limits.maxBytesPerUid, maxBuffers },
    );
    this.callers = new Callers(this.leases.ledger, daemonUid);
    this.buffers = new Buffers(this.leases, this.quota, this.heaps, this.callers, limits);
    this.shares = new Shares(this.leases, this.callers, this.events, secrets);
  }

  /** The id is the one under which the fd plane knows the connection. */
  openSession(id: SessionId, peer: Peer): void {
    this.leases.ledger.addSession(new Session(id, peer));
    this.events.publish(id, { type: 'session-opened', peer }, [id]);
  }

  /** Ends a session and all that hangs on it; nothing if there is none. */
  closeSession(id: SessionId, reason: string, code: DomainErrorCode = 'cancelled'): void {
    const session = this.leases.ledger.findSession(id);
    if (session === undefined) return;
    const why = new DomainError(code, `session ${id} ended: ${reason}`);
    session.ended = true;
    this.leases.grants.forgetSession(id);
    for (const lease of [...session.leases.values()]) this.leases.end(lease, 'released', why);
    this.leases.ledger.removeSession(session);
    this.events.publish(id, { type: 'session-closed', reason }, [id]);
    this.events.endFeeds(id, why);
  }

  /** The process behind a session; undefined once it has ended. */
  peerOf(id: SessionId): Peer | undefined {
    return this.leases.ledger.findSession(id)?.peer;
  }

  /** Events from now on, of the session or, for an administrator, of all. */
  watch(caller: Caller, allSessions: boolean): EventFeed {
    if (allSessions) {
      this.callers.requireAdministrator(caller.peer, 'watch the events of all sessions');
      return this.events.watch('all');
    }
    if (caller.sessionId === null) {
      throw new DomainError(
        'unauthenticated',
        'watching needs a session: connect to fd.sock first',
      );
    }
    return this.events.watch(this.leases.ledger.session(caller.sessionId).id);
  }

  totals(): Totals {
    return {
      sessions: this.leases.ledger.sessionCount,
      buffers: this.leases.ledger.bufferCount,
      leases: this.leases.ledger.leaseCount,
      grants: this.leases.grants.count,
      cpuAccesses: this.leases.cpuAccessTally.open,
      waiters: this.leases.cpuAccessTally.waiting,
      chargedBytes: this.quota.chargedBytes,
    };
  }

  /** Ends all sessions and all feeds. SYNC ENDs that are owed are under way when it returns. */
  close(reason: string): void {
    for (const id of this.leases.ledger.sessionIds()) this.closeSession(id, reason, 'unavailable');
    this.events.endAll(new DomainError('unavailable', reason));
  }
}
