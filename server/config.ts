/**
 * What the daemon was told on its command line and by its environment, parsed once into values that cannot be wrong. An
 * error names the flag, the value and what it may be.
 */
import { join } from 'node:path';
import { geteuid } from 'node:process';
import { Command, InvalidArgumentError, Option } from 'commander';
import { LOG_LEVELS, type LogLevel } from './log';

export interface Config {
  readonly runtimeDirectory: string;
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
const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  K: 2 ** 10,
  M: 2 ** 20,
  G: 2 ** 30,
  T: 2 ** 40,
};

/** Writes help and errors and ends the process where it must: commander's way. */
export function parseConfig(argv: readonly string[], surroundings: Surroundings): Config {
  const command = commandFor(surroundings).exitOverride((error) => {
    // Help and version were asked for; anything else is a usage error.
    process.exit(error.exitCode === 0 ? 0 : 2);
  });
  const options = command.parse(argv).opts<
    Omit<Config, 'runtimeDirectory' | 'maxBufferBytes'> & {
      runtimeDir: string;
      maxBufferBytes?: number;
    }
  >();
  const { runtimeDir, ...others } = options;
  const maxBufferBytes = Math.min(options.maxBufferBytes ?? options.maxBytes, options.maxBytes);
  return { ...others, runtimeDirectory: runtimeDir, maxBufferBytes };
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
      new Option('--slow-wait-ms <ms>', 'waits for a CPU access that last longer are told of')
        .argParser(parseMilliseconds)
        .default(DEFAULT_SLOW_WAIT_MS),
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

function parseDirectory(value: string): string {
  if (!value.startsWith('/')) throw new InvalidArgumentError('It must be an absolute path.');
  return value;
}

function parseMode(value: string): number {
  if (!/^0?[0-7]{3}$/.test(value)) {
    throw new InvalidArgumentError('It must be three octal digits, such as 0660.');
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
  const match = /^(\d+)([KMGT]?)(?:iB)?$/.exec(value);
  const bytes = Number(match?.[1]) * (UNITS[match?.[2] ?? ''] ?? Number.NaN);
  if (Number.isSafeInteger(bytes) && bytes >= 1) return bytes;
  throw new InvalidArgumentError(
    `It must be a number of bytes from 1 to ${Number.MAX_SAFE_INTEGER}, such as 1048576, 512M or 2GiB.`,
  );
}
