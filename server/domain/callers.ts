/** Who asks, and who of them is an administrator: root and the daemon's own user. */
import { DomainError } from './errors';
import type { SessionId } from './ids';
import type { Ledger } from './ledger';
import { describePeer, type Peer } from './peer';
import type { Session } from './records';

/** Whoever makes a call. */
export interface Caller {
  readonly peer: Peer;
  /** Null if the call carried no token. */
  readonly sessionId: SessionId | null;
}

export class Callers {
  constructor(
    private readonly ledger: Ledger,
    private readonly daemonUid: number,
  ) {}

  isAdministrator(peer: Peer): boolean {
    return peer.uid === 0 || peer.uid === this.daemonUid;
  }

  /** PERMISSION_DENIED, and who was refused what. */
  requireAdministrator(peer: Peer, what: string): void {
    if (this.isAdministrator(peer)) return;
    throw new DomainError(
      'permission-denied',
      `${describePeer(peer)} may not ${what}: only root and uid ${this.daemonUid} may`,
    );
  }

  /** The caller's session; an administrator needs none to look. */
  sessionForInspection(caller: Caller): Session | null {
    if (caller.sessionId !== null) return this.ledger.session(caller.sessionId);
    if (this.isAdministrator(caller.peer)) return null;
    throw new DomainError('unauthenticated', 'this call needs a session: connect to fd.sock first');
  }
}
