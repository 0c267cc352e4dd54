/** Sharing: the owner of a buffer makes a grant, others open the buffer with it. */
import { type Access, includesAccess } from './access';
import type { Callers } from './callers';
import { DomainError } from './errors';
import type { EventHub } from './events';
import { admits, viewGrant } from './grants';
import type { SessionId } from './ids';
import { type Leases, viewBuffer } from './leases';
import { noSuchBuffer } from './ledger';
import { checkPublishedName } from './names';
import type { Secrets } from './ports';
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

export type OpenBy = { readonly secret: Uint8Array } | { readonly name: string };

export class Shares {
  constructor(
    private readonly leases: Leases,
    private readonly callers: Callers,
    private readonly events: EventHub,
    private readonly secrets: Secrets,
  ) {}

  share(
    sessionId: SessionId,
    request: ShareRequest,
  ): { readonly grant: GrantView; readonly secret: Uint8Array | null } {
    const session = this.leases.ledger.session(sessionId);
    const { buffer, held } = this.shareable(session, request.bufferId);
    const access = request.access ?? held;
    if (!includesAccess(held, access)) {
      throw new DomainError(
        'permission-denied',
        `access is read-write, but buffer ${buffer.id} came with an fd that only reads`,
      );
    }
    if (request.name !== null) checkPublishedName(request.name);
    const made = request.name === null ? this.secrets.make() : null;
    const { audience, name, timeToLiveMs, maxUses } = request;
    const terms = {
      bufferId: buffer.id,
      maker: sessionId,
      access,
      audience,
      name,
      timeToLiveMs,
      maxUses,
    };
    const grant = this.leases.grants.add({ ...terms, digest: made?.digest ?? null });
    const body = { type: 'grant-created', grantId: grant.id, bufferId: buffer.id, name } as const;
    this.events.publish(sessionId, body, [sessionId]);
    return { grant: viewGrant(grant), secret: made?.secret ?? null };
  }

  /** One answer for a grant that never was, has ended, or is for somebody else. */
  open(sessionId: SessionId, by: OpenBy): BufferView {
    const session = this.leases.ledger.session(sessionId);
    const grant = this.find(by);
    const buffer = grant && this.leases.ledger.findBuffer(grant.bufferId);
    if (grant === undefined || buffer === undefined || !admits(grant.audience, session.peer)) {
      const what = 'name' in by ? `under the name ${JSON.stringify(by.name)}` : 'with this secret';
      throw new DomainError('not-found', `there is no grant ${what} that this session could use`);
    }
    return viewBuffer(buffer, this.leases.open(session, buffer, grant));
  }

  /** Answers how many leases ended with it. */
  revoke(sessionId: SessionId, grantId: number, revokeLeases: boolean): number {
    this.leases.ledger.session(sessionId);
    const grant = this.leases.grants.findByMaker(sessionId, grantId);
    if (grant === undefined || (grant.ended && !revokeLeases)) {
      throw new DomainError('not-found', `there is no grant ${grantId} that this session made`);
    }
    // Taken before the grant ends: with its last lease it is forgotten.
    const opened = revokeLeases ? [...grant.leases] : [];
    this.leases.grants.end(grant, 'revoked');
    for (const lease of opened) this.leases.end(lease, 'revoked');
    return opened.length;
  }

  /** Those on one buffer, or all if it is null. */
  list(sessionId: SessionId, bufferId: number | null): GrantView[] {
    this.leases.ledger.session(sessionId);
    const grants = this.leases.grants.list(sessionId);
    const wanted =
      bufferId === null ? grants : grants.filter((grant) => grant.bufferId === bufferId);
    return wanted.map(viewGrant);
  }

  /** The buffer, and the most that a grant on it can give. */
  private shareable(session: Session, bufferId: number): { buffer: BufferRecord; held: Access } {
    const isAdministrator = this.callers.isAdministrator(session.peer);
    const buffer = this.leases.ledger.findBuffer(bufferId);
    const lease = buffer && session.leases.get(buffer.id);
    if (buffer === undefined || (lease === undefined && !isAdministrator)) {
      throw noSuchBuffer(bufferId);
    }
    if (isAdministrator) return { buffer, held: buffer.memory.access };
    if (lease?.isOwner === true) return { buffer, held: lease.access };
    throw new DomainError(
      'permission-denied',
      `session ${session.id} does not own buffer ${bufferId}: only its owner may share it`,
    );
  }

  private find(by: OpenBy): Grant | undefined {
    if (!('name' in by)) return this.leases.grants.findByDigest(this.secrets.digest(by.secret));
    checkPublishedName(by.name);
    return this.leases.grants.findByName(by.name);
  }
}
