/**
 * What is written down of every request that changes what somebody holds, whether it was allowed or not: who asked, as the
 * kernel attests it, for what, and which rule decided. Never secrets.
 */
import { DomainError } from './errors';
import type { SessionId } from './ids';
import type { Peer } from './peer';
import { describeRule, type PolicyInForce } from './policy';
import type { Audit, AuditAction, AuditDetails, AuditRecord } from './ports';

const MAX_TEXT_LENGTH = 256;

/** Who asks for what. */
export interface Audited {
  readonly action: AuditAction;
  readonly peer: Peer;
  readonly sessionId: SessionId | null;
  readonly details: AuditDetails;
}

export class Auditor {
  constructor(
    private readonly audit: Audit,
    private readonly policy: PolicyInForce,
  ) {}

  /** Does it, and records how it ended. `found` are details that are known only then. */
  watch<Result>(
    asked: Audited,
    act: () => Result,
    found: (result: Result) => AuditDetails = () => ({}),
  ): Result {
    try {
      const result = act();
      this.allowed(asked, found(result));
      return result;
    } catch (error) {
      this.denied(asked, error);
      throw error;
    }
  }

  /** The same of what takes time. */
  async watchAsync<Result>(
    asked: Audited,
    act: () => Promise<Result>,
    found: (result: Result) => AuditDetails,
  ): Promise<Result> {
    try {
      const result = await act();
      this.allowed(asked, found(result));
      return result;
    } catch (error) {
      this.denied(asked, error);
      throw error;
    }
  }

  /** Does what is no change, and records only that it was denied. */
  watchDenials<Result>(asked: Audited, act: () => Result): Result {
    try {
      return act();
    } catch (error) {
      this.denied(asked, error);
      throw error;
    }
  }

  allowed(asked: Audited, found: AuditDetails = {}): void {
    this.record(asked, { outcome: 'allow', details: { ...asked.details, ...found } });
  }

  private denied(asked: Audited, error: unknown): void {
    const { details } = asked;
    if (error instanceof DomainError) {
      const { code, message } = error;
      this.record(asked, { outcome: 'deny', code, reason: message, details });
    } else {
      this.record(asked, { outcome: 'deny', code: 'internal', reason: 'see the log', details });
    }
  }

  private record(
    { action, peer, sessionId }: Audited,
    outcome: Pick<AuditRecord, 'outcome' | 'code' | 'reason' | 'details'>,
  ): void {
    const { rule, account } = this.policy.decide(peer);
    const { details, reason } = outcome;
    this.audit.record({
      action,
      sessionId,
      peer,
      account,
      rule: describeRule(rule),
      ...outcome,
      details: shortened(details),
      ...(reason === undefined ? {} : { reason: reason.slice(0, MAX_TEXT_LENGTH) }),
    });
  }
}

/** Texts are the clients' to choose, and are recorded before anybody has looked at their length. */
function shortened(details: AuditDetails): AuditDetails {
  return Object.fromEntries(
    Object.entries(details).map(([key, value]) => [
      key,
      typeof value === 'string' ? value.slice(0, MAX_TEXT_LENGTH) : value,
    ]),
  );
}
