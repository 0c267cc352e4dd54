/** Events of the domain as the messages of events.proto. */
import type { GrantEndReason as GrantEndReasonMessage } from '../../proto/generated/dmabufd/v1/GrantEndReason';
import type { WatchEventsResponse } from '../../proto/generated/dmabufd/v1/WatchEventsResponse';
import type { Event, EventBody, GrantEndReason } from '../domain/events';
import { toAccess, toBuffer, toDuration, toPeer, toTimestamp } from './messages';

const GRANT_END_REASONS: Readonly<Record<GrantEndReason, GrantEndReasonMessage>> = {
  revoked: 'GRANT_END_REASON_REVOKED',
  expired: 'GRANT_END_REASON_EXPIRED',
  'used-up': 'GRANT_END_REASON_USED_UP',
  'owner-gone': 'GRANT_END_REASON_OWNER_GONE',
};

export function toWatchEventsResponse(event: Event): WatchEventsResponse {
  const { sequence, timeMs, sessionId, body } = event;
  return { sequence, time: toTimestamp(timeMs), sessionId, ...toBody(body) };
}

function toBody(body: EventBody): WatchEventsResponse {
  switch (body.type) {
    case 'session-opened':
      return { sessionOpened: { peer: toPeer(body.peer) } };
    case 'session-closed':
      return { sessionClosed: { reason: body.reason } };
    case 'buffer-created':
      return { bufferCreated: { buffer: toBuffer(body.buffer) } };
    case 'buffer-destroyed':
      return { bufferDestroyed: { bufferId: body.bufferId } };
    case 'lease-opened': {
      const { bufferId, access, peer } = body;
      return { leaseOpened: { bufferId, access: toAccess(access), peer: toPeer(peer) } };
    }
    case 'lease-released':
      return { leaseReleased: { bufferId: body.bufferId } };
    case 'lease-revoked':
      return { leaseRevoked: { bufferId: body.bufferId } };
    case 'grant-created': {
      const { grantId, bufferId, name } = body;
      return { grantCreated: { grantId, bufferId, name: name ?? '' } };
    }
    case 'grant-ended': {
      const { grantId, bufferId, reason } = body;
      return { grantEnded: { grantId, bufferId, reason: GRANT_END_REASONS[reason] } };
    }
    case 'cpu-access-began':
      return { cpuAccessBegan: { bufferId: body.bufferId, writes: body.writes } };
    case 'cpu-access-delayed': {
      const { bufferId, waitedMs, obstacle } = body;
      const waited = toDuration(waitedMs);
      return { cpuAccessDelayed: { bufferId, writes: body.writes, waited, obstacle } };
    }
    case 'cpu-access-ended':
      return { cpuAccessEnded: { bufferId: body.bufferId, writes: body.writes } };
  }
}
