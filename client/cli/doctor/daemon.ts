/**
 * Whether the daemon can be reached, and what it has to give.
 */
import { existsSync } from 'node:fs';
import type { CallOptions } from '../../call-limits';
import type { DaemonStatus } from '../../descriptions';
import { DmabufdError } from '../../errors';
import type { Inspector } from '../../inspector';
import { whatIsNotSeen } from '../descriptions';
import { bad, type Finding, good, missing } from './finding';

const UNIT = '/usr/lib/systemd/system/dmabufd.service';
const SERVICE_DIRECTORY = '/run/dmabufd';

/** Looks at the daemon of a runtime directory. */
export async function examineDaemon(inspector: Inspector, call: CallOptions): Promise<Finding[]> {
  const directory = inspector.runtimeDirectory;
  try {
    const status = await inspector.status(call);
    const reached = good('daemon', `${status.version}, pid ${status.pid}, in ${directory}`);
    return [reached, ...examineSight(status), ...(await examineHeapsOfDaemon(inspector, call))];
  } catch (error) {
    if (!(error instanceof DmabufdError)) throw error;
    const advice =
      error.code === 'PERMISSION_DENIED'
        ? 'join the group that its sockets belong to'
        : `start it: ${startOf(directory)}; or name another with --runtime-dir`;
    return [bad('daemon', `cannot be reached in ${directory}: ${error.message}`, advice)];
  }
}

/** Where it is a service, one that is started by hand would be another beside it, without what a restart keeps. */
function startOf(directory: string): string {
  const isService = existsSync(UNIT) && directory === SERVICE_DIRECTORY;
  return isService
    ? 'systemctl start dmabufd.socket (journalctl --unit=dmabufd says why it is not running)'
    : `dmabufd --runtime-dir ${directory}`;
}

/** In a container the daemon may not see who its clients are. */
function examineSight(status: DaemonStatus): Finding[] {
  const unseen = whatIsNotSeen(status);
  if (unseen === null) return [];
  const advice =
    'rules that name units or containers hold of nobody: start it with the pid and cgroup namespaces of the host';
  return [missing('clients', `the daemon does not see ${unseen}`, advice)];
}

async function examineHeapsOfDaemon(inspector: Inspector, call: CallOptions): Promise<Finding[]> {
  const heaps = await inspector.heaps(call);
  const chosen = heaps.find(({ isDefault }) => isDefault);
  if (chosen === undefined) {
    return [
      bad('heaps', 'the daemon has no heap that works', 'see dmabufctl heaps for each reason'),
    ];
  }
  const what = 'default heap';
  return [
    chosen.memory === 'dma-buf'
      ? good(what, `${chosen.name}: real dma-bufs`)
      : missing(
          what,
          `${chosen.name}: shared memory that is no dma-buf; no device can import it`,
          'give the daemon /dev/dma_heap or /dev/udmabuf, and restart it',
        ),
  ];
}
