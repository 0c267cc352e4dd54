/** AccessService of access.proto. */
import type { AccessServiceHandlers } from '../../proto/generated/dmabufd/v1/AccessService';
import type { Broker } from '../domain/broker';
import { type AccessStreams, WAIT_TIMEOUT_MS } from './access-streams';
import { type CallContext, unary } from './call';
import { parseId, parseMode } from './parse';

export function accessService(
  broker: Broker,
  context: CallContext,
  streams: AccessStreams,
): AccessServiceHandlers {
  const { buffers } = broker;
  return {
    BeginCpuAccess: unary(context, async ({ bufferId, mode }, call) => {
      const id = parseId('buffer_id', bufferId);
      const signal = call.signal(WAIT_TIMEOUT_MS);
      await buffers.beginCpuAccess(call.sessionId, id, parseMode(mode), signal);
      // Nobody hears of it any more, and so nobody would end it.
      if (call.isCancelled) await buffers.endCpuAccess(call.sessionId, id);
      return {};
    }),

    WaitForFences: unary(context, async ({ bufferId, mode }, call) => {
      const id = parseId('buffer_id', bufferId);
      const signal = call.signal(WAIT_TIMEOUT_MS);
      await buffers.waitForFences(call.sessionId, id, parseMode(mode), signal);
      return {};
    }),

    EndCpuAccess: unary(
      context,
      async ({ bufferId }, call) => {
        await buffers.endCpuAccess(call.sessionId, parseId('buffer_id', bufferId));
        return {};
      },
      { isCharged: false },
    ),

    StreamCpuAccesses: (stream) => streams.serve(stream),
  };
}
