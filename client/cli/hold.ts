/**
 * Keeps a session open for as long as something needs it: until a signal, for a while, or while another program runs
 * that is given the buffer.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Command } from 'commander';
import type { Broker } from '../broker';
import type { SharedBuffer } from '../buffer';
import { DmabufdError } from '../errors';
import { ExitCode } from './exit-codes';
import { duration, type Invocation } from './invocation';

/** How long to hold. */
export interface HoldOptions {
  readonly for?: number;
}

/** What is held. */
export interface Held {
  readonly broker: Broker;
  /** Given to the program as an open fd. */
  readonly buffer: SharedBuffer | null;
  /** The program and its arguments; empty for none. */
  readonly program: readonly string[];
}

/** The number under which a program finds the buffer's fd. */
const BUFFER_FD = 3;
/** Of setInterval. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
/** What a shell adds to the number of the signal that ended a program. */
const SIGNALLED = 128;
const SIGNAL_NUMBERS: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGTERM: 15,
};

export function addHoldOptions(command: Command): Command {
  return command
    .usage(`${command.usage()} [-- program...]`)
    .option('--for <duration>', 'hold for this long instead of until Ctrl-C', duration)
    .addHelpText(
      'after',
      '\nWith -- PROGRAM it holds while the program runs, and exits as that does.',
    );
}

/** Holds; resolves to the exit code. Rejects if the daemon goes first. */
export async function hold(
  invocation: Invocation,
  { broker, buffer, program }: Held,
  options: HoldOptions,
): Promise<number> {
  const lost = new Promise<never>((_, reject) => {
    broker.once('disconnected', reject);
  });
  if (program.length > 0) {
    return Promise.race([run(invocation, buffer, program), lost]);
  }
  if (options.for === undefined) invocation.terminal.note('held until Ctrl-C');
  // Keeps the process alive without a duration, too, and no longer than that.
  const timer = setInterval(() => {}, LONGEST_TIMER_MS);
  try {
    await Promise.race([untilSignalOrAfter(options.for), lost]);
  } finally {
    clearInterval(timer);
  }
  return ExitCode.OK;
}

function untilSignalOrAfter(milliseconds: number | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (milliseconds !== undefined) setTimeout(resolve, milliseconds).unref();
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.once(signal, () => resolve());
  });
}

async function run(
  invocation: Invocation,
  buffer: SharedBuffer | null,
  [program = '', ...args]: readonly string[],
): Promise<number> {
  const fd = buffer === null ? null : await buffer.fd(invocation.call);
  const child = spawn(program, args, {
    stdio: fd === null ? 'inherit' : ['inherit', 'inherit', 'inherit', fd.number],
    env: { ...process.env, ...environmentOf(invocation, buffer) },
  });
  passSignalsOn(child);
  try {
    await once(child, 'exit');
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new DmabufdError('FAILED_PRECONDITION', `cannot run ${program}: ${reason}`, { cause });
  }
  if (child.signalCode !== null) return SIGNALLED + (SIGNAL_NUMBERS[child.signalCode] ?? 0);
  return child.exitCode ?? ExitCode.FAILED;
}

function environmentOf(invocation: Invocation, buffer: SharedBuffer | null): NodeJS.ProcessEnv {
  const environment: NodeJS.ProcessEnv = { DMABUFD_RUNTIME_DIR: invocation.runtimeDirectory };
  if (buffer === null) return environment;
  return {
    ...environment,
    DMABUFD_BUFFER_ID: String(buffer.id),
    DMABUFD_BUFFER_SIZE: String(buffer.sizeBytes ?? 0),
    DMABUFD_BUFFER_FD: String(BUFFER_FD),
  };
}

/** The terminal sends Ctrl-C to the program as well; this process must outlive it to tell how it ended. */
function passSignalsOn(child: ChildProcess): void {
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  process.on('SIGHUP', () => child.kill('SIGHUP'));
}
