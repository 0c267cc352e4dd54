/**
 * What every command has at hand: the global options, read once, and the connections they lead to.
 */
import { type Command, InvalidArgumentError } from 'commander';
import { type Broker, connect } from '../broker';
import type { CallOptions } from '../call-limits';
import { Inspector } from '../inspector';
import { findRuntimeDirectory } from '../runtime-directory';
import { parseCount, parseDuration, parseSize, QuantityError } from './quantities';
import { Terminal } from './terminal';

interface GlobalOptions {
  readonly json?: boolean;
  readonly runtimeDir?: string;
  readonly timeout?: number;
}

/** One run of dmabufctl. */
export class Invocation {
  readonly terminal: Terminal;
  readonly runtimeDirectory: string;
  /** The deadline of each call to the daemon. */
  readonly call: CallOptions;

  constructor({ json = false, runtimeDir, timeout }: GlobalOptions) {
    this.terminal = new Terminal(json);
    this.runtimeDirectory = runtimeDir ?? findRuntimeDirectory();
    this.call = timeout === undefined ? {} : { timeoutMs: timeout };
  }

  /** Looks without a session. */
  inspector(): Inspector {
    return new Inspector(this.runtimeDirectory);
  }

  /** Opens a session, which a tool never renews: what it held would be gone. */
  connect(): Promise<Broker> {
    const { runtimeDirectory, call } = this;
    return connect({ runtimeDirectory, reconnect: false, ...call });
  }
}

export function addGlobalOptions(program: Command): void {
  program
    .option('--json', 'print JSON for programs instead of text for people')
    .option('--runtime-dir <dir>', "the directory of the daemon's sockets")
    .option('--timeout <duration>', 'how long each call may take (default: 30s)', positiveDuration);
}

export function invocationOf(command: Command): Invocation {
  return new Invocation(command.optsWithGlobals<GlobalOptions>());
}

/** Parsers for commander: the message of a QuantityError as a usage error. */
export const size = parser(parseSize);
export const duration = parser(parseDuration);
export const count = parser(parseCount);
export const positiveDuration = parser((text) => {
  const milliseconds = parseDuration(text);
  if (milliseconds > 0) return milliseconds;
  throw new QuantityError('must be more than 0');
});

function parser<T>(parse: (text: string) => T): (text: string) => T {
  return (text) => {
    try {
      return parse(text);
    } catch (error) {
      if (error instanceof QuantityError) throw new InvalidArgumentError(error.message);
      throw error;
    }
  };
}
