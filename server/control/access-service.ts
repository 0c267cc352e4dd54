/** AccessService of access.proto. */
import type { AccessServiceHandlers } from '../../proto/generated/dmabufd/v1/AccessService';
import type { Broker } from '../domain/broker';
import { type CallContext, unary } from './call';
import { parseId, parseMode } from './parse';

/** As access.proto promises to a call that waits without a deadline. */
const WAIT_TIMEOUT_MS = 30_000;

export function accessService(broker: Broker, context: CallContext): AccessServiceHandlers {
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
  };
}
