/**
 * What this machine has for dma-bufs: device nodes, kernel version, kernel calls, limits. Looks with the eyes of the user
 * who runs it, who need not be the daemon's.
 */
import { accessSync, constants, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { release } from 'node:os';
import addon from '../../../native';
import { systemErrorCode } from '../../errors';
import { bad, type Finding, good, missing } from './finding';

const HEAP_DIRECTORY = '/dev/dma_heap';
const UDMABUF = '/dev/udmabuf';
/** F_SEAL_SHRINK of linux/fcntl.h. */
const F_SEAL_SHRINK = 2;
/** Below this a daemon for more than a handful of clients runs out of descriptors. */
const LEAST_OPEN_FILES = 1024;

/** Looks at everything in turn. */
export async function examineMachine(): Promise<Finding[]> {
  return [
    examineKernel(),
    ...examineHeaps(),
    examineUdmabuf(),
    await examineMemfd(),
    examinePidfd(),
    examineOpenFiles(),
  ];
}

/** Whether a kernel of this release has DMA_BUF_IOCTL_EXPORT_SYNC_FILE and IMPORT_SYNC_FILE: 6.0 and later. */
export function hasSyncFileIoctls(kernelRelease: string): boolean {
  const major = Number(/^(\d+)\./.exec(kernelRelease)?.[1] ?? 0);
  return major >= 6;
}

function examineKernel(): Finding {
  const kernel = release();
  return hasSyncFileIoctls(kernel)
    ? good('kernel', `${kernel}: fences can be exported and imported`)
    : missing(
        'kernel',
        `${kernel}: no export and import of fences`,
        'they need Linux 6.0 or later',
      );
}

function examineHeaps(): Finding[] {
  if (!existsSync(HEAP_DIRECTORY)) {
    return [
      missing(
        HEAP_DIRECTORY,
        'there is none',
        'use a kernel with CONFIG_DMABUF_HEAPS and CONFIG_DMABUF_HEAPS_SYSTEM (Debian 13 has them)',
      ),
    ];
  }
  const names = readdirSync(HEAP_DIRECTORY).sort();
  return names.length === 0
    ? [missing(HEAP_DIRECTORY, 'it is empty', 'enable CONFIG_DMABUF_HEAPS_SYSTEM or _CMA')]
    : names.map((name) => examineNode(`${HEAP_DIRECTORY}/${name}`));
}

function examineUdmabuf(): Finding {
  if (existsSync(UDMABUF)) return examineNode(UDMABUF);
  return missing(UDMABUF, 'there is none', 'load the module: modprobe udmabuf (CONFIG_UDMABUF)');
}

function examineNode(path: string): Finding {
  const { uid, gid, mode } = statSync(path);
  const owner = `uid ${uid}, gid ${gid}, mode 0${(mode & 0o777).toString(8)}`;
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return good(path, `this user can open it (${owner})`);
  } catch {
    return missing(
      path,
      `this user cannot open it (${owner})`,
      'no matter if the daemon can; otherwise give it to a group by a udev rule',
    );
  }
}

/** Allocates one: the seals are all that keeps a reader from SIGBUS. */
async function examineMemfd(): Promise<Finding> {
  const advice = 'use Linux 3.17 or later with CONFIG_MEMFD_CREATE';
  try {
    using memfd = await addon.createMemfd('dmabufctl-doctor', 4096);
    const { seals } = addon.describeFd(memfd);
    return (seals & F_SEAL_SHRINK) === 0
      ? bad('memfd', `the kernel does not seal it (seals ${seals})`, advice)
      : good('memfd', 'sealed shared memory works: what is used where there are no dma-bufs');
  } catch (error) {
    return bad('memfd', `memfd_create: ${systemErrorCode(error) ?? String(error)}`, advice);
  }
}

function examinePidfd(): Finding {
  try {
    addon.openPidfd(process.pid).close();
    return good('pidfd', 'peers are told apart even if a pid is used again');
  } catch (error) {
    const why = systemErrorCode(error) ?? String(error);
    return missing(
      'pidfd',
      `pidfd_open: ${why}`,
      'use Linux 5.3 or later; start times serve till then',
    );
  }
}

function examineOpenFiles(): Finding {
  const limits = readFileSync('/proc/self/limits', 'utf8');
  const [, soft = '?', hard = '?'] = /^Max open files\s+(\S+)\s+(\S+)/m.exec(limits) ?? [];
  const found = `RLIMIT_NOFILE ${soft} of at most ${hard} in this shell`;
  return soft !== 'unlimited' && Number(soft) < LEAST_OPEN_FILES
    ? bad('open files', found, 'raise it: ulimit -n, or LimitNOFILE= in the unit')
    : good('open files', found);
}
