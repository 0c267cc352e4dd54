#!/usr/bin/env node
/**
 * The daemon: reads its configuration and policy, takes its directory, finds the heaps, and joins the broker to its two planes. It ends
 * on SIGTERM or SIGINT within a bounded time, and leaves neither sockets nor buffers behind.
 */
import { totalmem } from 'node:os';
import { constrainedMemory, geteuid } from 'node:process';
import { setTimeout } from 'node:timers/promises';
import addon, { type NativeAddon } from '../native';
import { type Config, parseConfig } from './config';
import { Connections } from './control/connections';
import { type ControlServer, createControlServer } from './control/server';
import { Turns } from './control/turns';
import { Broker } from './domain/broker';
import { FdSessions } from './fd-socket/fd-sessions';
import { LeaseRows } from './fd-socket/lease-rows';
import { discoverHeaps } from './heaps/discover';
import { type Log, openLog } from './log';
import { identifyBy } from './peers/proc';
import { peerOfAttributes, peerOfPid } from './peers/subject';
import { planLimits } from './plan-limits';
import { checkPolicy } from './policy/check-policy';
import { PolicyKeeper } from './policy/policy-keeper';
import { PolicyFileError } from './policy/problems';
import { systemClock } from './runtime/clock';
import { planFdsInFlight } from './runtime/fd-budget';
import { readFdLimit } from './runtime/open-fds';
import {
  openRuntimeDirectory,
  type RuntimeDirectory,
  RuntimeDirectoryError,
} from './runtime/runtime-directory';
import { randomSecrets } from './runtime/secrets';
import { SessionTokens } from './session-tokens';
import { exitOnDefects, onStopSignal } from './shutdown';
import { type Activation, ActivationError, takeActivation } from './systemd/activation';
import { ServiceEnvironmentError, takeServiceEnvironment } from './systemd/environment';
import { ServiceManager } from './systemd/service-manager';
import { describeTotals } from './systemd/status-line';

/** How long calls may still take when the daemon stops. */
const DRAIN_MS = 500;
const QUIET_POLL_MS = 10;
/** How old the line in `systemctl status` may be. */
const STATUS_INTERVAL_MS = 2_000;
const EXIT_REFUSED = 1;
const EXIT_INVALID = 2;

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

  const policy = await openPolicyOrExit(config, daemonUid, log, flush);
  process.on('SIGHUP', () => void reloadBySignal(policy, log));
  const { serviceManager, activation } = await meetServiceManagerOrExit(log, flush);
  const directory = await openDirectoryOrExit(config, activation, log, flush);
  const heaps = await discoverHeaps(addon);
  for (const { description } of heaps) log.info({ heap: description }, 'heap probed');

  const limits = planLimits(config, log);
  log.info({ limits }, 'limits planned');

  const identify = identifyBy(addon);
  const tokens = new SessionTokens(randomSecrets);
  const fdPlane = addon.startFdPlane({
    listener: directory.fdListener,
    isListenerShared: directory.areShared,
    maxSessions: limits.maxSessions,
    maxFdsInFlightPerAccount: planFdsInFlight(readFdLimit()),
    onEvents: () => fdSessions.wake(),
  });
  const broker = new Broker({
    limits,
    policy: policy.inForce,
    daemonUid,
    heaps,
    clock: systemClock,
    secrets: randomSecrets,
    table: new LeaseRows(fdPlane),
    audit: { record: (record) => log.audit(record, record.action) },
    reporter: {
      report: (err, what) => log.error({ err }, what),
      warn: (details, what) => log.warn(details, what),
    },
  });
  const fdSessions = new FdSessions(addon, fdPlane, broker, tokens, identify, log);

  const turns = new Turns();
  const control = createControlServer(
    broker,
    {
      policy: policy.inForce,
      quota: broker.quota,
      callers: broker.callers,
      reload: () => policy.reload(),
      peerOfPid,
      peerOfAttributes,
    },
    {
      peerOf: (connection) => connections.peerOf(connection),
      tokens,
      bookFdPlane: () => fdSessions.book(),
      broker,
      turns,
      log,
    },
    { version, startedAtMs },
  );
  const { injector } = control;
  const connections = new Connections(
    addon,
    injector,
    identify,
    (peer) => broker.admitConnection(peer),
    turns,
    log,
  );
  connections.listen(directory.controlListener, { isShared: directory.areShared });

  log.info({ version, directory: directory.path }, 'ready');
  serviceManager.ready(describeTotals(broker.totals()));
  setInterval(
    () => serviceManager.status(describeTotals(broker.totals())),
    STATUS_INTERVAL_MS,
  ).unref();
  onStopSignal(log, flush, async () => {
    serviceManager.stopping();
    await stop({ connections, control, broker, fdPlane, directory });
    await serviceManager.heard();
  });
}

async function meetServiceManagerOrExit(
  log: Log,
  flush: () => Promise<void>,
): Promise<{ serviceManager: ServiceManager; activation: Activation }> {
  try {
    const environment = takeServiceEnvironment(process.env, process.pid);
    const serviceManager = new ServiceManager(addon, environment.notifySocket, log);
    if (environment.watchdogMs !== null) serviceManager.feedWatchdog(environment.watchdogMs);
    const activation = takeActivation(addon, environment.inherited);
    for (const [name, fds] of activation.stored) {
      log.warn({ name }, 'the service manager handed over an fd that nobody asked for');
      for (const fd of fds) fd.close();
    }
    return { serviceManager, activation };
  } catch (error) {
    const isTheirs = error instanceof ServiceEnvironmentError || error instanceof ActivationError;
    if (!isTheirs) throw error;
    log.fatal(error.message);
    await flush();
    process.exit(EXIT_REFUSED);
  }
}

async function openPolicyOrExit(
  config: Config,
  daemonUid: number,
  log: Log,
  flush: () => Promise<void>,
): Promise<PolicyKeeper> {
  try {
    return await PolicyKeeper.open(config.policy, daemonUid, log);
  } catch (error) {
    if (!(error instanceof PolicyFileError)) throw error;
    log.fatal({ problems: error.lines }, 'the policy is refused');
    await flush();
    process.exit(EXIT_REFUSED);
  }
}

/** Whoever may send the daemon signals is an administrator. What is wrong with the file is in the log already. */
async function reloadBySignal(policy: PolicyKeeper, log: Log): Promise<void> {
  const record = { action: 'reload-policy', by: 'SIGHUP' };
  await policy.reload().then(
    ({ source }) => log.audit({ ...record, outcome: 'allow', details: { source } }, record.action),
    () => log.audit({ ...record, outcome: 'deny' }, record.action),
  );
}

/** Sockets that were handed over are the service manager's, and so are their directory and its lock. */
async function openDirectoryOrExit(
  config: Config,
  { sockets }: Activation,
  log: Log,
  flush: () => Promise<void>,
): Promise<RuntimeDirectory> {
  if (sockets !== null) {
    return { path: config.runtimeDirectory, ...sockets, areShared: true, release: () => {} };
  }
  try {
    return openRuntimeDirectory(addon, config.runtimeDirectory, config.socketMode);
  } catch (error) {
    if (!(error instanceof RuntimeDirectoryError)) throw error;
    log.fatal(error.message);
    await flush();
    process.exit(EXIT_REFUSED);
  }
}

/** From the outside in: nobody new, calls end, sessions end, their memory is given back. */
async function stop(parts: {
  readonly connections: Connections;
  readonly control: ControlServer;
  readonly broker: Broker;
  readonly fdPlane: ReturnType<NativeAddon['startFdPlane']>;
  readonly directory: RuntimeDirectory;
}): Promise<void> {
  parts.connections.close();
  parts.broker.close('the daemon stops');
  parts.control.drain(DRAIN_MS);
  parts.fdPlane.close();
  const deadlineMs = systemClock.now() + DRAIN_MS;
  const isQuiet = () => parts.connections.count === 0 && parts.broker.totals().cpuAccesses === 0;
  while (!isQuiet() && systemClock.now() < deadlineMs) await setTimeout(QUIET_POLL_MS);
  parts.directory.release();
}

void main();
