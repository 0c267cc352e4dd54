/** Sharing: the owner of a buffer makes a grant, others open the buffer with it. */
import { type Access, includesAccess } from './access';
import type { Auditor } from './audit';
import type { Callers } from './callers';
import { DomainError } from './errors';
import type { EventHub } from './events';
import { admits, viewGrant } from './grants';
import type { SessionId } from './ids';
import { type Leases, viewBuffer } from './leases';
import { noSuchBuffer } from './ledger';
import { checkPublishedName } from './names';
import { matchesAny } from './pattern';
import type { AuditDetails, Secrets } from './ports';
import type { BufferRecord, Grant, Session } from './records';
import type { Audience, BufferView, GrantView } from './views';

export interface ShareRequest {
  readonly bufferId: number;
  /** Null gives what the owner has. */
  readonly access: Access | null;
  readonly audience: Audience;
  /** Null makes a secret. */
  readonly name: string | null;
  readonly timeToLiveMs: number | null;
  readonly maxUses: number | null;
}

/** A new grant, and the secret that opens it, if it has no name. */
export interface Shared {
  readonly grant: GrantView;
  readonly secret: Uint8Array | null;
}

export type OpenBy = { readonly secret: Uint8Array } | { readonly name: string };

export class Shares {
  constructor(
    private readonly leases: Leases,
    private readonly callers: Callers,
    private readonly events: EventHub,
    private readonly secrets: Secrets,
    private readonly auditor: Auditor,
  ) {}

  share(sessionId: SessionId, request: ShareRequest): Shared {
    const session = this.leases.ledger.session(sessionId);
    const { bufferId, name } = request;
    const details = { bufferId, ...byOf(name) };
    return this.auditor.watch(
      { action: 'share', peer: session.peer, sessionId, details },
      () => this.grant(session, request),
      ({ grant }) => ({ grantId: grant.id, access: grant.access }),
    );
  }

  /** One answer for a grant that never was, has ended, or is for somebody else. */
  open(sessionId: SessionId, by: OpenBy): BufferView {
    const session = this.leases.ledger.session(sessionId);
    const details = byOf('name' in by ? by.name : null);
    return this.auditor.watch(
      { action: 'open', peer: session.peer, sessionId, details },
      () => this.openBy(session, by),
      ({ id, access }) => ({ bufferId: id, access }),
    );
  }

  /** Answers how many leases ended with it. */
  revoke(sessionId: SessionId, grantId: number, revokeLeases: boolean): number {
    const session = this.leases.ledger.session(sessionId);
    return this.auditor.watch(
      { action: 'revoke', peer: session.peer, sessionId, details: { grantId, revokeLeases } },
      () => this.endGrant(session, grantId, revokeLeases),
      (leases) => ({ leases }),
    );
  }

  /** At most `count` of those on one buffer, or of all if it is null, with ids above `after`, ascending. */
  list(sessionId: SessionId, bufferId: number | null, after: number, count: number): GrantView[] {
    this.leases.ledger.session(sessionId);
    return this.leases.grants
      .list(sessionId)
      .filter((grant) => grant.id > after && (bufferId === null || grant.bufferId === bufferId))
      .slice(0, count)
      .map(viewGrant);
  }

  private grant(session: Session, request: ShareRequest): Shared {
    const { buffer, held } = this.shareable(session, request.bufferId);
    const access = request.access ?? held;
    if (!includesAccess(held, access)) {
      throw new DomainError(
        'permission-denied',
        `access is read-write, but buffer ${buffer.id} came with an fd that only reads`,
      );
    }
    if (request.name !== null) this.checkMayPublish(session, request.name);
    const made = request.name === null ? this.secrets.make() : null;
    const { audience, name, timeToLiveMs, maxUses } = request;
    const terms = {
      bufferId: buffer.id,
      maker: session.id,
      access,
      audience,
      name,
      maxUses,
      digest: made?.digest ?? null,
    };
    const payer = this.callers.payerOf(session.peer);
    const grant = this.leases.grants.add(terms, timeToLiveMs, payer);
    const body = { type: 'grant-created', grantId: grant.id, bufferId: buffer.id, name } as const;
    this.events.publish(session.id, body, [session.id]);
    return { grant: viewGrant(grant), secret: made?.secret ?? null };
  }

  private openBy(session: Session, by: OpenBy): BufferView {
    const { open } = this.callers.rightsOf(session.peer);
    if ('name' in by) {
      checkPublishedName(by.name);
      if (!matchesAny(open, by.name)) throw this.callers.refusal(session.peer, `open ${by.name}`);
    }
    const grant = this.find(by);
    const buffer = grant && this.leases.ledger.findBuffer(grant.bufferId);
    if (grant === undefined || buffer === undefined || !admits(grant.audience, session.peer)) {
      const what = 'name' in by ? `under the name ${JSON.stringify(by.name)}` : 'with this secret';
      throw new DomainError('not-found', `there is no grant ${what} that this session could use`);
    }
    return viewBuffer(buffer, this.leases.open(session, buffer, grant));
  }

  private endGrant(session: Session, grantId: number, revokeLeases: boolean): number {
    const grant = this.leases.grants.findByMaker(session.id, grantId);
    if (grant === undefined || (grant.ended && !revokeLeases)) {
      throw new DomainError('not-found', `there is no grant ${grantId} that this session made`);
    }
    // Taken before the grant ends: with its last lease it is forgotten.
    const opened = revokeLeases ? [...grant.leases] : [];
    this.leases.grants.end(grant, 'revoked');
    for (const lease of opened) this.leases.end(lease, 'revoked');
    return opened.length;
  }

  private checkMayPublish(session: Session, name: string): void {
    checkPublishedName(name);
    const { publish } = this.callers.rightsOf(session.peer);
    if (!matchesAny(publish, name)) throw this.callers.refusal(session.peer, `publish ${name}`);
  }

  /** The buffer, and the most that a grant on it can give. */
  private shareable(session: Session, bufferId: number): { buffer: BufferRecord; held: Access } {
    const isAdministrator = this.callers.isAdministrator(session.peer);
    const buffer = this.leases.ledger.findBuffer(bufferId);
    const lease = buffer && session.leases.get(buffer.id);
    const isLeased = buffer !== undefined && buffer.leases.size > 0;
    if (!isLeased || (lease === undefined && !isAdministrator)) throw noSuchBuffer(bufferId);
    if (isAdministrator) return { buffer, held: buffer.memory.access };
    if (lease?.isOwner === true) return { buffer, held: lease.access };
    throw new DomainError(
      'permission-denied',
      `session ${session.id} does not own buffer ${bufferId}: only its owner may share it`,
    );
  }

  private find(by: OpenBy): Grant | undefined {
    return 'name' in by
      ? this.leases.grants.findByName(by.name)
      : this.leases.grants.findByDigest(this.secrets.digest(by.secret));
  }
}

/** How a grant is known, for the audit: a secret only as one. */
function byOf(name: string | null): AuditDetails {
  return name === null ? { by: 'secret' } : { by: 'name', name };
}
