/** ShareService of shares.proto. */
import type { OpenBufferRequest__Output } from '../../proto/generated/dmabufd/v1/OpenBufferRequest';
import type { ShareServiceHandlers } from '../../proto/generated/dmabufd/v1/ShareService';
import type { Broker } from '../domain/broker';
import { DomainError } from '../domain/errors';
import type { OpenBy } from '../domain/shares';
import { SECRET_BYTES } from '../runtime/secrets';
import { type CallContext, unary } from './call';
import { toBuffer, toGrant } from './messages';
import {
  parseAccess,
  parseAudience,
  parseId,
  parseMaxUses,
  parsePage,
  parseTimeToLive,
} from './parse';

export function shareService(broker: Broker, context: CallContext): ShareServiceHandlers {
  const { shares } = broker;
  return {
    ShareBuffer: unary(context, (request, call) => {
      const { grant, secret } = shares.share(call.sessionId, {
        bufferId: parseId('buffer_id', request.bufferId),
        access: parseAccess(request.access),
        audience: parseAudience(request.audience),
        name: request.name === '' ? null : request.name,
        timeToLiveMs: parseTimeToLive(request.timeToLive),
        maxUses: parseMaxUses(request.maxUses),
      });
      return { grant: toGrant(grant), secret: secret ?? new Uint8Array(0) };
    }),

    OpenBuffer: unary(context, (request, call) => ({
      buffer: toBuffer(shares.open(call.sessionId, parseBy(request))),
    })),

    RevokeGrant: unary(context, ({ grantId, revokeLeases }, call) => {
      const id = parseId('grant_id', grantId);
      return { revokedLeaseCount: shares.revoke(call.sessionId, id, revokeLeases) };
    }),

    ListGrants: unary(context, ({ bufferId, pageSize, pageToken }, call) => {
      const only = bufferId === '0' ? null : parseId('buffer_id', bufferId);
      const { after, count } = parsePage(pageSize, pageToken);
      // One more than asked for tells whether there is a next page.
      const found = shares.list(call.sessionId, only, after, count + 1);
      const shown = found.slice(0, count);
      const last = found.length > count ? shown[shown.length - 1] : undefined;
      return { grants: shown.map(toGrant), nextPageToken: last === undefined ? '' : `${last.id}` };
    }),
  };
}

function parseBy({ secret, name }: OpenBufferRequest__Output): OpenBy {
  if (name !== undefined && name !== '') return { name };
  if (secret !== undefined && secret.length === SECRET_BYTES) return { secret };
  const given = secret === undefined ? 'nothing' : `a secret of ${secret.length} bytes`;
  throw new DomainError(
    'invalid-argument',
    `by is ${given}; it must be a secret of ${SECRET_BYTES} bytes or a name`,
  );
}
