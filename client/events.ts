/**
 * What happens in the daemon, as the SDK tells it: one union of events, made from the messages of events.proto.
 */
import type { GrantEndReason__Output } from '../proto/generated/dmabufd/v1/GrantEndReason';
import type { WatchEventsResponse__Output } from '../proto/generated/dmabufd/v1/WatchEventsResponse';
import {
  type BufferDescription,
  describeAccess,
  describeBuffer,
  describePeer,
  type LeaseAccess,
  type PeerDescription,
  toDate,
  toInteger,
} from './descriptions';

/** Why a grant ended: see GrantEndReason in events.proto. */
export type GrantEnd = 'revoked' | 'expired' | 'used-up' | 'owner-gone' | 'unknown';

/** What happened. */
export type Happening =
  | { readonly type: 'session-opened'; readonly peer: PeerDescription | null }
  | { readonly type: 'session-closed'; readonly reason: string }
  | { readonly type: 'buffer-created'; readonly buffer: BufferDescription }
  | { readonly type: 'buffer-destroyed'; readonly bufferId: number }
  | {
      readonly type: 'lease-opened';
      readonly bufferId: number;
      readonly access: LeaseAccess;
      readonly peer: PeerDescription | null;
    }
  | { readonly type: 'lease-released'; readonly bufferId: number }
  | { readonly type: 'lease-revoked'; readonly bufferId: number }
  | {
      readonly type: 'grant-created';
      readonly grantId: number;
      readonly bufferId: number;
      readonly name: string | null;
    }
  | {
      readonly type: 'grant-ended';
      readonly grantId: number;
      readonly bufferId: number;
      readonly reason: GrantEnd;
    }
  | { readonly type: 'cpu-access-began'; readonly bufferId: number; readonly writes: boolean }
  | { readonly type: 'cpu-access-ended'; readonly bufferId: number; readonly writes: boolean }
  /** A session has waited long for an access, and goes on waiting: for whom or what, `obstacle` says to a person. */
  | {
      readonly type: 'cpu-access-delayed';
      readonly bufferId: number;
      readonly writes: boolean;
      readonly waitedMs: number;
      readonly obstacle: string;
    }
  /** Something that this version of the SDK does not know. */
  | { readonly type: 'unknown' };

/** One event: what happened, when, and by or to which session. */
export type BrokerEvent = Happening & {
  /** Counts all events of the daemon in their order; a watcher that is not told of all sees gaps. */
  readonly sequence: number;
  readonly time: Date | null;
  readonly sessionId: number;
};

const GRANT_ENDS: Record<GrantEndReason__Output, GrantEnd> = {
  GRANT_END_REASON_UNSPECIFIED: 'unknown',
  GRANT_END_REASON_REVOKED: 'revoked',
  GRANT_END_REASON_EXPIRED: 'expired',
  GRANT_END_REASON_USED_UP: 'used-up',
  GRANT_END_REASON_OWNER_GONE: 'owner-gone',
};

/** The event that a message tells of. */
export function describeEvent(message: WatchEventsResponse__Output): BrokerEvent {
  return {
    sequence: toInteger(message.sequence),
    time: toDate(message.time),
    sessionId: toInteger(message.sessionId),
    ...describeHappening(message),
  };
}

function describeHappening(message: WatchEventsResponse__Output): Happening {
  return (
    describeOfBuffers(message) ??
    describeOfGrantsAndSessions(message) ?? { type: 'unknown' as const }
  );
}

function describeOfBuffers(message: WatchEventsResponse__Output): Happening | null {
  if (message.bufferCreated) {
    return { type: 'buffer-created', buffer: describeBuffer(message.bufferCreated.buffer) };
  }
  if (message.bufferDestroyed) {
    return { type: 'buffer-destroyed', bufferId: toInteger(message.bufferDestroyed.bufferId) };
  }
  if (message.leaseOpened) {
    const { bufferId, access, peer } = message.leaseOpened;
    return {
      type: 'lease-opened',
      bufferId: toInteger(bufferId),
      access: describeAccess(access),
      peer: describePeer(peer),
    };
  }
  if (message.leaseReleased) {
    return { type: 'lease-released', bufferId: toInteger(message.leaseReleased.bufferId) };
  }
  if (message.leaseRevoked) {
    return { type: 'lease-revoked', bufferId: toInteger(message.leaseRevoked.bufferId) };
  }
  if (message.cpuAccessBegan) {
    const { bufferId, writes } = message.cpuAccessBegan;
    return { type: 'cpu-access-began', bufferId: toInteger(bufferId), writes };
  }
  if (message.cpuAccessEnded) {
    const { bufferId, writes } = message.cpuAccessEnded;
    return { type: 'cpu-access-ended', bufferId: toInteger(bufferId), writes };
  }
  if (message.cpuAccessDelayed) {
    const { bufferId, writes, waited, obstacle } = message.cpuAccessDelayed;
    const waitedMs = waited === null ? 0 : Number(waited.seconds) * 1000 + waited.nanos / 1e6;
    return {
      type: 'cpu-access-delayed',
      bufferId: toInteger(bufferId),
      writes,
      waitedMs,
      obstacle,
    };
  }
  return null;
}

function describeOfGrantsAndSessions(message: WatchEventsResponse__Output): Happening | null {
  if (message.grantCreated) {
    const { grantId, bufferId, name } = message.grantCreated;
    return {
      type: 'grant-created',
      grantId: toInteger(grantId),
      bufferId: toInteger(bufferId),
      name: name || null,
    };
  }
  if (message.grantEnded) {
    const { grantId, bufferId, reason } = message.grantEnded;
    return {
      type: 'grant-ended',
      grantId: toInteger(grantId),
      bufferId: toInteger(bufferId),
      reason: GRANT_ENDS[reason] ?? 'unknown',
    };
  }
  if (message.sessionOpened) {
    return { type: 'session-opened', peer: describePeer(message.sessionOpened.peer) };
  }
  if (message.sessionClosed) {
    return { type: 'session-closed', reason: message.sessionClosed.reason };
  }
  return null;
}
