/**
 * Tokens link a gRPC call to a session. A token is given to one process on fd.sock, and counts only on a connection from
 * that very process: stolen, it is worthless. Only digests are stored, and a token is found by its digest.
 */
import { DomainError } from './domain/errors';
import type { SessionId } from './domain/ids';
import { describePeer, isSameProcess, type Peer } from './domain/peer';
import type { Secrets } from './domain/ports';

interface Holder {
  readonly sessionId: SessionId;
  readonly peer: Peer;
}

/** Remembers digests for a later process of the daemon. */
export interface TokenKeeper {
  keepToken(sessionId: SessionId, digest: string): void;
  forgetToken(sessionId: SessionId): void;
}

export class SessionTokens {
  private readonly byDigest = new Map<string, Holder>();
  private readonly digests = new Map<SessionId, string>();

  constructor(
    private readonly secrets: Secrets,
    private readonly keeper: TokenKeeper,
  ) {}

  issue(sessionId: SessionId, peer: Peer): Uint8Array {
    const { secret, digest } = this.secrets.make();
    this.resume(sessionId, peer, digest);
    this.keeper.keepToken(sessionId, digest);
    return secret;
  }

  /** A token that an earlier process of the daemon gave counts on. */
  resume(sessionId: SessionId, peer: Peer, digest: string): void {
    this.byDigest.set(digest, { sessionId, peer });
    this.digests.set(sessionId, digest);
  }

  forget(sessionId: SessionId): void {
    const digest = this.digests.get(sessionId);
    if (digest !== undefined) this.byDigest.delete(digest);
    this.digests.delete(sessionId);
    this.keeper.forgetToken(sessionId);
  }

  /** The session of a token that this peer presents. UNAUTHENTICATED says what is wrong, never the token. */
  resolve(token: Uint8Array, peer: Peer): SessionId {
    const holder = this.byDigest.get(this.secrets.digest(token));
    if (holder === undefined) {
      throw new DomainError(
        'unauthenticated',
        'the session of this token has ended: connect to fd.sock again',
      );
    }
    if (isSameProcess(holder.peer, peer)) return holder.sessionId;
    const why =
      peer.pid === 0 && peer.pidfsInode === 0
        ? 'the daemon cannot see the calling process (another pid namespace), nor tell it from others (that takes Linux 6.9)'
        : `${describePeer(peer)} is not the process that opened its session`;
    throw new DomainError('unauthenticated', `the token does not count here: ${why}`);
  }
}
