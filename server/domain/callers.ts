/** Who asks, what the policy lets them do, and who of them is an administrator. */
import { DomainError } from './errors';
import type { SessionId } from './ids';
import type { Ledger } from './ledger';
import { describePeer, type Peer } from './peer';
import {
  type Decision,
  describeRule,
  isAdministrator,
  type PolicyInForce,
  type Rights,
} from './policy';
import type { Payer } from './quota';
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
    private readonly policy: PolicyInForce,
    private readonly daemonUid: number,
  ) {}

  isAdministrator(peer: Peer): boolean {
    return isAdministrator(peer, this.daemonUid);
  }

  /** PERMISSION_DENIED, and who was refused what. */
  requireAdministrator(peer: Peer, what: string): void {
    if (this.isAdministrator(peer)) return;
    throw new DomainError(
      'permission-denied',
      `${describePeer(peer)} may not ${what}: only ${this.administrators()} may, outside of containers`,
    );
  }

  private administrators(): string {
    return this.daemonUid === 0 ? 'root' : `root and uid ${this.daemonUid}`;
  }

  /** Whether the peer may look at what others hold: administrators, and whom the policy says. */
  mayInspect(peer: Peer): boolean {
    return this.isAdministrator(peer) || this.policy.decide(peer).rule.rights?.mayInspect === true;
  }

  requireInspector(peer: Peer, what: string): void {
    if (this.mayInspect(peer)) return;
    throw this.refusal(peer, what);
  }

  /** The rights of a peer. PERMISSION_DENIED for one that the policy keeps out. */
  rightsOf(peer: Peer): Rights {
    return this.policy.rightsOf(peer);
  }

  /** PERMISSION_DENIED names the rule that decided. */
  refusal(peer: Peer, what: string): DomainError {
    const { rule } = this.policy.decide(peer);
    return new DomainError(
      'permission-denied',
      `${describePeer(peer)} may not ${what}: rule ${describeRule(rule)} of the policy does not allow it`,
    );
  }

  /** The rule that decides of the peer, whether it gives anything or not. */
  decide(peer: Peer): Decision {
    return this.policy.decide(peer);
  }

  /** Whose resources the peer uses. */
  accountOf(peer: Peer): string {
    return this.policy.decide(peer).account;
  }

  /** The same, and within which limits. PERMISSION_DENIED for one that is kept out. */
  payerOf(peer: Peer): Payer {
    const { limits } = this.rightsOf(peer);
    return { account: this.accountOf(peer), limits };
  }

  /** The caller's session; whoever may inspect needs none to look. */
  sessionForInspection(caller: Caller): Session | null {
    if (caller.sessionId !== null) return this.ledger.session(caller.sessionId);
    if (this.mayInspect(caller.peer)) return null;
    throw new DomainError(
      'unauthenticated',
      'this call needs a session (connect to fd.sock first), or the right to inspect what others hold',
    );
  }
}
