#!/usr/bin/env node
/**
 * The daemon's process: reads its command line, starts the daemon, and ends on SIGTERM or SIGINT within a bounded time. What it
 * refuses to start with is said in one line for whoever started it.
 */
import { totalmem } from 'node:os';
import { constrainedMemory, geteuid } from 'node:process';
import addon from '../native';
import { parseConfig } from './config';
import { startDaemon } from './daemon';
import { type LogSink, openLog } from './log';
import { readOwnNamespaces } from './peers/namespaces';
import { checkPolicy } from './policy/check-policy';
import { PolicyFileError } from './policy/problems';
import { systemClock } from './runtime/clock';
import { keepHeapsSmall } from './runtime/memory';
import { RuntimeDirectoryError } from './runtime/runtime-directory';
import { exitOnDefects, onStopSignal } from './shutdown';
import { StateDirectoryError } from './state/state-directory';
import { ActivationError } from './systemd/activation';
import { ServiceEnvironmentError } from './systemd/environment';

const EXIT_REFUSED = 1;
const EXIT_INVALID = 2;
/** sysexits.h's EX_CONFIG, which systemd.exec(5) knows: nothing changes by trying again. The unit says so, too. */
const EXIT_CONFIG = 78;

/** What whoever started the daemon has to change. */
const REFUSALS = [
  RuntimeDirectoryError,
  StateDirectoryError,
  ServiceEnvironmentError,
  ActivationError,
] as const;

async function main(): Promise<void> {
  const { version }: { readonly version: string } = require('#manifest');
  const startedAtMs = systemClock.now();
  const memoryBytes = Math.min(totalmem(), constrainedMemory() || Number.POSITIVE_INFINITY);
  const config = parseConfig(process.argv, { version, environment: process.env, memoryBytes });
  const daemonUid = geteuid?.() ?? 0;
  if (config.checkPolicy !== undefined) {
    const isValid = await checkPolicy(config.checkPolicy, daemonUid);
    process.exitCode = isValid ? 0 : EXIT_INVALID;
    return;
  }
  const { log, flush } = openLog(config.logLevel);
  exitOnDefects(log, flush);
  try {
    const ownNamespaces = readOwnNamespaces();
    const about = { version, startedAtMs, daemonUid, ownNamespaces };
    const daemon = await startDaemon(config, about, log);
    onStopSignal(log, flush, () => daemon.stop());
    daemon.announce();
    keepHeapsSmall(addon);
  } catch (error) {
    await refuseToStart(error, { log, flush });
  }
}

async function refuseToStart(error: unknown, { log, flush }: LogSink): Promise<never> {
  if (error instanceof PolicyFileError) {
    log.fatal({ problems: error.lines }, 'the policy is refused');
    await flush();
    process.exit(EXIT_CONFIG);
  }
  if (!(error instanceof Error && REFUSALS.some((kind) => error instanceof kind))) throw error;
  log.fatal(error.message);
  await flush();
  process.exit(EXIT_REFUSED);
}

void main();
