/**
 * A buffer's fences: the work of devices that is still outstanding on it (dma-buf.rst, implicit synchronization). Through
 * the daemon, which names the buffer and the time in its errors, or on this process's own fd, which needs no call.
 */
import type { Fd } from '../native';
import { type AccessMode, MODE_FLAGS, MODE_NAMES, requireMode } from './access-mode';
import { CallLimits, type CallOptions, waitWithin } from './call-limits';
import { DmabufdError, systemErrorCode } from './errors';
import type { Lease } from './lease';

/** How fences are asked for. */
export interface FenceOptions extends CallOptions {
  /** True: on this process's own fd, without the daemon, also when that is gone. False (the default): by the daemon. */
  readonly direct?: boolean | undefined;
}

/** Waits until no fence stands in the way of such an access. */
export async function waitForFences(
  lease: Lease,
  mode: AccessMode,
  options: FenceOptions = {},
): Promise<void> {
  const limits = new CallLimits(options);
  requireMode(mode);
  if (options.direct === true) {
    if (lease.description.memory !== 'dma-buf') return;
    await fencesOf(lease, await lease.fd(limits), mode, limits);
    return;
  }
  lease.requireLive();
  const { control } = lease.session;
  const request = { bufferId: lease.id, mode: MODE_NAMES[mode] };
  await control.callThatWaits(control.methods.accesses.WaitForFences, request, limits);
}

/** A snapshot of the fences that stand in the way of such an access, as a sync_file of the caller's. */
export async function exportFence(
  lease: Lease,
  mode: AccessMode,
  options: FenceOptions = {},
): Promise<Fd> {
  const limits = new CallLimits(options);
  requireMode(mode);
  if (options.direct !== true) {
    lease.requireLive();
    return lease.session.exportFence(lease.id, MODE_FLAGS[mode], limits);
  }
  const fd = await lease.fd(limits);
  return withoutErrno(lease, () => lease.port.exportSyncFile(fd, MODE_FLAGS[mode]));
}

/** Adds a sync_file's fences to the buffer. */
export async function importFence(
  lease: Lease,
  mode: AccessMode,
  fence: Fd,
  options: FenceOptions = {},
): Promise<void> {
  const limits = new CallLimits(options);
  requireMode(mode);
  if (options.direct !== true) {
    lease.requireLive();
    await lease.session.importFence(lease.id, MODE_FLAGS[mode], fence, limits);
    return;
  }
  const fd = await lease.fd(limits);
  withoutErrno(lease, () => lease.port.importSyncFile(fd, MODE_FLAGS[mode], fence));
}

/** Waits on an fd of the dma-buf itself: poll(2) tells when it is idle in a direction. */
export function fencesOf(
  lease: Lease,
  fd: Fd,
  mode: AccessMode,
  limits: CallLimits,
): Promise<void> {
  return waitWithin<void>({
    limits,
    what: `fences of buffer ${lease.id} before ${mode} access`,
    signals: [lease.ending],
    start: (resolve) => {
      const direction = mode === 'read' ? 'readable' : 'writable';
      const watch = lease.port.watchFd(fd, direction, () => resolve());
      return () => watch.close();
    },
  });
}

/** The same answer as the daemon's where this kernel, or this memory, has no fences. */
function withoutErrno<Result>(lease: Lease, call: () => Result): Result {
  try {
    return call();
  } catch (cause) {
    const code = systemErrorCode(cause);
    if (code === 'ENOTTY') {
      const message = `buffer ${lease.id}: this kernel, or this memory, has no fences`;
      throw new DmabufdError('UNIMPLEMENTED', message, { cause });
    }
    if (code !== 'EINVAL') throw cause;
    const message = 'the fence must be a sync_file, and the lease must allow the direction';
    throw new DmabufdError('INVALID_ARGUMENT', message, { cause });
  }
}
