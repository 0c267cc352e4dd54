/** DaemonService of daemon.proto. */
import { pid } from 'node:process';
import type { DaemonServiceHandlers } from '../../proto/generated/dmabufd/v1/DaemonService';
import type { Broker } from '../domain/broker';
import { countOpenFds } from '../runtime/open-fds';
import { type CallContext, unary } from './call';
import { toPeer, toTimestamp } from './messages';

export function daemonService(
  broker: Broker,
  context: CallContext,
  { version, startedAtMs }: { readonly version: string; readonly startedAtMs: number },
): DaemonServiceHandlers {
  return {
    GetDaemonStatus: unary(context, (_request, { caller }) => {
      const callerIsAdministrator = broker.callers.isAdministrator(caller.peer);
      const totals = () => ({ ...broker.totals(), openFds: countOpenFds() });
      return {
        version,
        pid,
        startTime: toTimestamp(startedAtMs),
        caller: toPeer(caller.peer),
        callerIsAdministrator,
        totals: broker.callers.mayInspect(caller.peer) ? totals() : null,
      };
    }),
  };
}
