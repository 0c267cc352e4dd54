/**
 * `dmabufctl cdi`: a specification of the Container Device Interface, by which container engines give a container the broker:
 * its sockets and the group that may connect to them. No device node, and nothing to be trusted with.
 */
import { randomUUID } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { FD_SOCKET_NAME } from '../../../proto';
import { ConnectionLostError } from '../../errors';
import { invocationOf } from '../invocation';

/** The version of the specification that has additionalGids. */
const CDI_VERSION = '0.7.0';
const KIND = 'dmabufd.dev/broker';
const DEVICE = 'default';
/** Where the SDK looks. */
const IN_THE_CONTAINER = '/run/dmabufd';
const GROUP_MAY_CONNECT = 0o020;

const HELP = `
For example, as root:

  dmabufctl cdi --output /etc/cdi/dmabufd.json
  podman run --device ${KIND}=${DEVICE} IMAGE`;

/** What of the specification (github.com/cncf-tags/container-device-interface, SPEC.md) is used here. */
export interface CdiSpec {
  readonly cdiVersion: string;
  readonly kind: string;
  readonly devices: readonly {
    readonly name: string;
    readonly containerEdits: {
      readonly env: readonly string[];
      readonly mounts: readonly {
        readonly hostPath: string;
        readonly containerPath: string;
        readonly options: readonly string[];
      }[];
      readonly additionalGids?: readonly number[];
    };
  }[];
}

export function addCdiCommand(program: Command): void {
  program
    .command('cdi')
    .description('print a CDI specification, by which container engines give containers the broker')
    .option('--output <file>', 'write it there, whole or not at all; the directory is made')
    .addHelpText('after', HELP)
    .action(({ output }: { output?: string }, command: Command) => {
      const { terminal, ...invocation } = invocationOf(command);
      const runtimeDirectory = resolve(invocation.runtimeDirectory);
      const spec = describeCdi(runtimeDirectory, socketOf(runtimeDirectory));
      if (output === undefined) terminal.result(spec, [JSON.stringify(spec, null, 2)]);
      else writeWhole(output, `${JSON.stringify(spec, null, 2)}\n`);
    });
}

/** Engines read whatever is in the directory at any time, but nothing whose name does not end in .json or .yaml. */
function writeWhole(path: string, text: string): void {
  const directory = dirname(path);
  // Not recursive: node (20) tries for ever where no directory can be made, as in /proc.
  if (!existsSync(directory)) mkdirSync(directory);
  const aside = `${path}.${randomUUID()}`;
  try {
    // Of this process's own making: nothing that somebody has put there is followed or kept.
    writeFileSync(aside, text, { flag: 'wx' });
    // Whatever the umask: engines without root read it, too.
    chmodSync(aside, 0o644);
    renameSync(aside, path);
  } catch (error) {
    rmSync(aside, { force: true });
    throw error;
  }
}

/** Group 0 is every root's already, and no group to join. */
export function describeCdi(
  runtimeDirectory: string,
  { gid, mode }: { readonly gid: number; readonly mode: number },
): CdiSpec {
  const joinsGroup = gid !== 0 && (mode & GROUP_MAY_CONNECT) !== 0;
  return {
    cdiVersion: CDI_VERSION,
    kind: KIND,
    devices: [
      {
        name: DEVICE,
        containerEdits: {
          env: [`DMABUFD_RUNTIME_DIR=${IN_THE_CONTAINER}`],
          mounts: [
            {
              hostPath: runtimeDirectory,
              containerPath: IN_THE_CONTAINER,
              // Connecting to a socket changes nothing in the directory.
              options: ['bind', 'ro', 'nosuid', 'nodev', 'noexec'],
            },
          ],
          ...(joinsGroup ? { additionalGids: [gid] } : {}),
        },
      },
    ],
  };
}

function socketOf(runtimeDirectory: string) {
  const path = join(runtimeDirectory, FD_SOCKET_NAME);
  const found = statSync(path, { throwIfNoEntry: false });
  if (found?.isSocket()) return found;
  throw new ConnectionLostError(
    `no socket at ${path}: start dmabufd, or say where it is with --runtime-dir`,
  );
}
