/**
 * What the daemon was told on its command line and by its environment, parsed once into values that cannot be wrong. An
 * error names the flag, the value and what it may be.
 */
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { geteuid } from 'node:process';
import { Command, InvalidArgumentError, Option } from 'commander';
import { parseByteSize } from './byte-size';
import { LOG_LEVELS, type LogLevel } from './log';
import type { PolicyLocation } from './policy/load-policy';

export interface Config {
  readonly runtimeDirectory: string;
  /** Where what is to outlive a restart is noted; unset, nothing is. */
  readonly stateDirectory?: string;
  /** Permission bits of both sockets. */
  readonly socketMode: number;
  readonly logLevel: LogLevel;
  /** Connections to fd.sock at once, and as many again to control.sock. Unset: what the fds allow. */
  readonly maxSessions?: number;
  /** Unset: what the fds allow. */
  readonly maxBuffers?: number;
  readonly maxBytes: number;
  readonly maxBufferBytes: number;
  /** Waits for a CPU access that last longer are told of. */
  readonly slowWaitMs: number;
  /** Null for the built-in policy. */
  readonly policy: PolicyLocation | null;
  /** Set: this policy file is to be checked, and nothing else done. */
  readonly checkPolicy?: string;
}

/** What the defaults depend on. */
export interface Surroundings {
  readonly version: string;
  readonly environment: NodeJS.ProcessEnv;
  /** Bytes of memory that the machine, or the daemon's cgroup, has. */
  readonly memoryBytes: number;
}

/** Half of the machine: the rest is for those who work on the buffers. */
const DEFAULT_SHARE_OF_MEMORY = 0.5;
/** Several frames at any rate, and less than what a person waits for. */
const DEFAULT_SLOW_WAIT_MS = 1_000;
const MAX_SLOW_WAIT_MS = 86_400_000;
const POLICY_FILE_NAME = 'policy.yaml';

/** Writes help and errors and ends the process where it must: commander's way. */
export function parseConfig(argv: readonly string[], surroundings: Surroundings): Config {
  const command = commandFor(surroundings).exitOverride((error) => {
    // Help and version were asked for; anything else is a usage error.
    process.exit(error.exitCode === 0 ? 0 : 2);
  });
  const options = command.parse(argv).opts<
    Omit<Config, 'runtimeDirectory' | 'stateDirectory' | 'maxBufferBytes' | 'policy'> & {
      runtimeDir: string;
      stateDir?: string;
      maxBufferBytes?: number;
      /** False for --no-policy. */
      policy?: string | false;
    }
  >();
  const { runtimeDir, stateDir, policy: file, ...others } = options;
  const maxBufferBytes = Math.min(options.maxBufferBytes ?? options.maxBytes, options.maxBytes);
  const policy = policyLocation(file, surroundings.environment);
  const state = stateDir === undefined ? {} : { stateDirectory: stateDir };
  return { ...others, ...state, runtimeDirectory: runtimeDir, maxBufferBytes, policy };
}

function commandFor({ version, environment, memoryBytes }: Surroundings): Command {
  const defaultBytes = Math.floor(memoryBytes * DEFAULT_SHARE_OF_MEMORY);
  return new Command('dmabufd')
    .description('Allocates dma-bufs and brokers them between processes.')
    .version(version)
    .addOption(
      new Option('--runtime-dir <dir>', 'where control.sock and fd.sock are made')
        .argParser(parseDirectory)
        .default(defaultRuntimeDirectory(environment)),
    )
    .addOption(
      new Option(
        '--state-dir <dir>',
        'where to note what a restart is not to lose; with a service manager that has an fd store',
      ).argParser(parseDirectory),
    )
    .addOption(
      new Option('--socket-mode <octal>', 'permission bits of both sockets')
        .argParser(parseMode)
        .default(0o660, '0660'),
    )
    .addOption(
      new Option('--log-level <level>', 'what is logged').choices(LOG_LEVELS).default('info'),
    )
    .addOption(limit('--max-sessions <count>', 'clients at once', 1024, 65_536))
    .addOption(limit('--max-buffers <count>', 'buffers at once', 16_384, 1_048_576))
    .addOption(
      new Option('--max-bytes <size>', 'bytes of all buffers, such as 512M')
        .argParser(parseBytes)
        .default(defaultBytes, `half of the memory, ${defaultBytes}`),
    )
    .addOption(
      new Option(
        '--max-buffer-bytes <size>',
        'bytes of one buffer (default: --max-bytes)',
      ).argParser(parseBytes),
    )
    .addOption(
      new Option(
        '--slow-wait-ms <ms>',
        'waits for a CPU access that last longer are told of, by an event and in the log',
      )
        .argParser(parseMilliseconds)
        .default(DEFAULT_SLOW_WAIT_MS),
    )
    .addOption(
      new Option(
        '--policy <file>',
        `who may do what (default: ${defaultPolicyFile(environment)} if it exists, else as --no-policy)`,
      ).argParser((value) => resolve(value)),
    )
    .option(
      '--no-policy',
      'everybody who can connect may share buffers, within a fair share (of this and --policy the last counts)',
    )
    .addOption(
      new Option(
        '--check-policy <file>',
        'check a policy file and exit, with 2 if it is refused',
      ).argParser((value) => resolve(value)),
    );
}

/** systemd's directory, the system's for root, the user's own, or one in /tmp. */
export function defaultRuntimeDirectory(environment: NodeJS.ProcessEnv): string {
  const { RUNTIME_DIRECTORY, XDG_RUNTIME_DIR } = environment;
  // systemd separates several with colons; ours is the first.
  const ofService = RUNTIME_DIRECTORY?.split(':')[0];
  if (ofService) return ofService;
  const uid = geteuid?.() ?? 0;
  if (uid === 0) return '/run/dmabufd';
  return XDG_RUNTIME_DIR ? join(XDG_RUNTIME_DIR, 'dmabufd') : `/tmp/dmabufd-${uid}`;
}

function policyLocation(
  file: string | false | undefined,
  environment: NodeJS.ProcessEnv,
): PolicyLocation | null {
  if (file === false) return null;
  if (file !== undefined) return { path: file, isRequired: true };
  return { path: defaultPolicyFile(environment), isRequired: false };
}

/** In systemd's directory, the system's for root, or the user's own. */
export function defaultPolicyFile(environment: NodeJS.ProcessEnv): string {
  const { CONFIGURATION_DIRECTORY, XDG_CONFIG_HOME, HOME } = environment;
  const ofService = CONFIGURATION_DIRECTORY?.split(':')[0];
  if (ofService) return join(ofService, POLICY_FILE_NAME);
  if (geteuid?.() === 0) return join('/etc/dmabufd', POLICY_FILE_NAME);
  // The XDG specification has relative paths ignored.
  const ofUser = XDG_CONFIG_HOME?.startsWith('/')
    ? XDG_CONFIG_HOME
    : join(HOME ?? homedir(), '.config');
  return join(ofUser, 'dmabufd', POLICY_FILE_NAME);
}

function parseDirectory(value: string): string {
  if (!value.startsWith('/')) throw new InvalidArgumentError('It must be an absolute path.');
  return value;
}

function parseMode(value: string): number {
  if (!/^0?[0-7]{3}$/.test(value)) {
    throw new InvalidArgumentError('It must be three octal digits, such as 660 or 0660.');
  }
  return Number.parseInt(value, 8);
}

function limit(flags: string, what: string, ordinary: number, most: number): Option {
  const byDefault = `default: ${ordinary}, or fewer if RLIMIT_NOFILE does not allow so many`;
  return new Option(flags, `${what} (${byDefault})`).argParser((value) => {
    const count = Number(value);
    if (/^\d+$/.test(value) && count >= 1 && count <= most) return count;
    throw new InvalidArgumentError(`It must be a whole number from 1 to ${most}.`);
  });
}

function parseMilliseconds(value: string): number {
  const milliseconds = Number(value);
  if (/^\d+$/.test(value) && milliseconds >= 1 && milliseconds <= MAX_SLOW_WAIT_MS) {
    return milliseconds;
  }
  throw new InvalidArgumentError(
    `It must be a whole number of milliseconds from 1 to ${MAX_SLOW_WAIT_MS}.`,
  );
}

export function parseBytes(value: string): number {
  const bytes = parseByteSize(value);
  if (bytes !== undefined && bytes >= 1) return bytes;
  throw new InvalidArgumentError(
    `It must be a number of bytes from 1 to ${Number.MAX_SAFE_INTEGER}, such as 1048576, 512M or 2GiB.`,
  );
}
