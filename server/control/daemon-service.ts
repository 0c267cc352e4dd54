/** DaemonService of daemon.proto. */
import { pid } from 'node:process';
import type { DaemonServiceHandlers } from '../../proto/generated/dmabufd/v1/DaemonService';
import type { Broker } from '../domain/broker';
import type { OwnNamespaces } from '../peers/namespaces';
import { countOpenFds } from '../runtime/open-fds';
import { type CallContext, unary } from './call';
import { toPeer, toTimestamp } from './messages';

/** What does not change while it runs. */
export interface DaemonFacts {
  readonly version: string;
  readonly startedAtMs: number;
  readonly ownNamespaces: OwnNamespaces;
}

export function daemonService(
  broker: Broker,
  context: CallContext,
  { version, startedAtMs, ownNamespaces }: DaemonFacts,
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
        hasOwnPidNamespace: ownNamespaces.pid,
        hasOwnCgroupNamespace: ownNamespaces.cgroup,
        totals: broker.callers.mayInspect(caller.peer) ? totals() : null,
      };
    }),
  };
}
