/**
 * The daemon, put together: its policy, its sockets, the heaps, and the broker between its two planes. With a service manager that
 * has an fd store it takes over what its predecessor kept, and leaves everything to its successor; without, it leaves neither
 * sockets nor buffers behind.
 */
import { setTimeout } from 'node:timers/promises';
import addon, { type Fd, type FdPlane } from '../native';
import type { Config } from './config';
import { Connections } from './control/connections';
import type { DaemonFacts } from './control/daemon-service';
import { type ControlServer, createControlServer } from './control/server';
import { Turns } from './control/turns';
import { Broker } from './domain/broker';
import { FIRST_IDS } from './domain/facts';
import type { Limits } from './domain/limits';
import type { Heap } from './domain/ports';
import { FdSessions } from './fd-socket/fd-sessions';
import { LeaseRows } from './fd-socket/lease-rows';
import { discoverHeaps } from './heaps/discover';
import type { Log } from './log';
import type { OwnNamespaces } from './peers/namespaces';
import { type Identify, identifyBy } from './peers/proc';
import { peerOfAttributes, peerOfPid } from './peers/subject';
import { planLimits } from './plan-limits';
import { PolicyKeeper, type PolicyMemory } from './policy/policy-keeper';
import { systemClock } from './runtime/clock';
import { planFdsInFlight } from './runtime/fd-budget';
import { readFdLimit } from './runtime/open-fds';
import { openRuntimeDirectory, type RuntimeDirectory } from './runtime/runtime-directory';
import { randomSecrets } from './runtime/secrets';
import { SessionTokens } from './session-tokens';
import { type Continuity, openContinuity } from './state/continuity';
import { resumeState } from './state/resume';
import { type Sockets, takeActivation } from './systemd/activation';
import { takeServiceEnvironment } from './systemd/environment';
import { ServiceManager } from './systemd/service-manager';
import { describeTotals } from './systemd/status-line';

/** How long calls may still take when the daemon stops. */
const DRAIN_MS = 500;
const QUIET_POLL_MS = 10;
/** How old the line in `systemctl status` may be. */
const STATUS_INTERVAL_MS = 2_000;

/** What the process knows of itself. */
export interface ProcessFacts extends DaemonFacts {
  readonly daemonUid: number;
}

export interface Daemon {
  /** Says that it serves, to whoever reads the log and to the service manager, which may tell it to stop from then on. */
  announce(): void;
  /** Resolves in a bounded time. */
  stop(): Promise<void>;
}

/** Serves when it resolves. Rejects with what whoever started it has to change. */
export async function startDaemon(config: Config, about: ProcessFacts, log: Log): Promise<Daemon> {
  const service = meetServiceManager(config, log);
  sayWhatIsNotSeen(about.ownNamespaces, log);
  const policy = await openPolicy(config, about, service.continuity, log);
  const directory = openDirectory(config, service.sockets);
  const heaps = await discoverHeaps(addon);
  for (const { description } of heaps) log.info({ heap: description }, 'heap probed');
  const limits = planLimits(config, service.continuity.capacity, log);
  log.info({ limits }, 'limits planned');

  const foundation = { limits, heaps, policy, directory, service };
  const core = openCore(foundation, about, log);
  resume(core, service, log);
  // Nobody new before all that there was is back.
  core.fdPlane.open();
  const { control, connections } = openControl(core, foundation, about, log);
  connections.listen(directory.controlListener, { isShared: directory.areShared });

  const parts = { ...core, connections, control, directory, service };
  return {
    announce() {
      log.info({ version: about.version, directory: directory.path }, 'ready');
      tellStatus(service.manager, core.broker);
    },
    stop: () => stop(parts),
  };
}

/** What both planes share, and the plane of fds. */
interface Core {
  readonly broker: Broker;
  readonly identify: Identify;
  readonly tokens: SessionTokens;
  readonly fdPlane: FdPlane;
  readonly fdSessions: FdSessions;
}

/** What there is before anybody can connect. */
interface Foundation {
  readonly limits: Limits;
  readonly heaps: readonly Heap[];
  readonly policy: PolicyKeeper;
  readonly directory: RuntimeDirectory;
  readonly service: Service;
}

/** The plane takes nobody yet. */
function openCore(
  { limits, heaps, policy, directory, service }: Foundation,
  { daemonUid }: ProcessFacts,
  log: Log,
): Core {
  const { keeper, kept } = service.continuity;
  const freeIds = kept?.freeIds ?? FIRST_IDS;
  const identify = identifyBy(addon);
  const tokens = new SessionTokens(randomSecrets, keeper);
  const fdPlane = addon.startFdPlane({
    listener: directory.fdListener,
    isListenerShared: directory.areShared,
    maxSessions: limits.maxSessions,
    maxFdsInFlightPerAccount: planFdsInFlight(readFdLimit()),
    firstSession: freeIds.session,
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
    keeper,
    freeIds,
  });
  const fdSessions = new FdSessions(addon, fdPlane, broker, tokens, identify, keeper, log);
  return { broker, identify, tokens, fdPlane, fdSessions };
}

/** What an earlier process of the daemon has left is put together again. */
function resume({ fdPlane, broker, tokens, identify }: Core, service: Service, log: Log): void {
  const { kept, keeper, store } = service.continuity;
  if (kept === null) return;
  const ports = { addon, plane: fdPlane, broker, tokens, identify, keeper, store, log };
  resumeState(ports, kept, service.stored);
}

/** The control plane, which is not connected to yet. */
function openControl(
  { broker, identify, tokens, fdSessions }: Core,
  { policy, service }: Foundation,
  about: ProcessFacts,
  log: Log,
): { readonly control: ControlServer; readonly connections: Connections } {
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
      whenKept: () => service.continuity.keeper.whenKept(),
      broker,
      turns,
      log,
    },
    about,
  );
  const connections = new Connections(
    addon,
    control.injector,
    identify,
    (peer) => broker.admitConnection(peer),
    turns,
    log,
  );
  return { control, connections };
}

function sayWhatIsNotSeen(own: OwnNamespaces, log: Log): void {
  if (own.pid) {
    log.warn(
      'in a pid namespace of its own: of processes outside of it only uid, gid and groups are known, not pid, name, cgroup, unit and container (podman run --pid=host shows them)',
    );
  }
  if (own.cgroup) {
    log.warn(
      'in a cgroup namespace of its own: of processes outside of it unit and container are not known (podman run --cgroupns=host shows them)',
    );
  }
}

async function openPolicy(
  config: Config,
  { daemonUid, ownNamespaces }: ProcessFacts,
  { keeper, kept }: Continuity,
  log: Log,
): Promise<PolicyKeeper> {
  const memory: PolicyMemory = {
    last: kept?.policy ?? null,
    keepPolicy: (fact) => keeper.keepPolicy(fact),
    forgetPolicy: () => keeper.forgetPolicy(),
  };
  const about = { daemonUid, seesCgroups: !ownNamespaces.pid && !ownNamespaces.cgroup };
  const policy = await PolicyKeeper.open(config.policy, about, log, memory);
  process.on('SIGHUP', () => void reloadBySignal(policy, log));
  return policy;
}

/** Whoever may send the daemon signals is an administrator. What is wrong with the file is in the log already. */
async function reloadBySignal(policy: PolicyKeeper, log: Log): Promise<void> {
  const record = { action: 'reload-policy', by: 'SIGHUP' };
  await policy.reload().then(
    ({ source }) => log.audit({ ...record, outcome: 'allow', details: { source } }, record.action),
    () => log.audit({ ...record, outcome: 'deny' }, record.action),
  );
}

/** Who started this process as a service, and what it handed over. */
interface Service {
  readonly manager: ServiceManager;
  readonly sockets: Sockets | null;
  readonly stored: ReadonlyMap<string, readonly Fd[]>;
  readonly continuity: Continuity;
}

function meetServiceManager(config: Config, log: Log): Service {
  const environment = takeServiceEnvironment(process.env, process.pid);
  const manager = new ServiceManager(addon, environment.notifySocket, log);
  if (environment.watchdogMs !== null) manager.feedWatchdog(environment.watchdogMs);
  const { sockets, stored } = takeActivation(addon, environment.inherited);
  const { fdStoreCapacity } = environment;
  const names = [...stored.keys()];
  const { stateDirectory } = config;
  const continuity = openContinuity({ manager, fdStoreCapacity, stateDirectory, names, log });
  if (continuity.kept === null) {
    for (const [name, fds] of stored) {
      log.warn({ fdName: name }, 'the service manager handed over an fd that nobody asked for');
      for (const fd of fds) void addon.closeFd(fd);
    }
  }
  return { manager, sockets, stored, continuity };
}

/** Sockets that were handed over are the service manager's, and so are their directory and its lock. */
function openDirectory(config: Config, sockets: Sockets | null): RuntimeDirectory {
  if (sockets === null) {
    return openRuntimeDirectory(addon, config.runtimeDirectory, config.socketMode);
  }
  return { path: config.runtimeDirectory, ...sockets, areShared: true, release: () => {} };
}

function tellStatus(manager: ServiceManager, broker: Broker): void {
  manager.ready(describeTotals(broker.totals()));
  setInterval(() => manager.status(describeTotals(broker.totals())), STATUS_INTERVAL_MS).unref();
}

interface Parts extends Core {
  readonly connections: Connections;
  readonly control: ControlServer;
  readonly directory: RuntimeDirectory;
  readonly service: Service;
}

/** From the outside in: nobody new, calls end, sessions end, their memory is given back; or a successor takes them over. */
async function stop(parts: Parts): Promise<void> {
  const { connections, control, broker, fdPlane, fdSessions, directory, service } = parts;
  const { keepsSessions } = service.continuity.keeper;
  service.manager.stopping();
  connections.close();
  if (keepsSessions) broker.handOver('the daemon is being restarted');
  else broker.close('the daemon stops');
  control.drain(DRAIN_MS);
  if (!keepsSessions) fdPlane.close();
  const deadlineMs = systemClock.now() + DRAIN_MS;
  const isQuiet = () =>
    connections.count === 0 && (keepsSessions || broker.totals().cpuAccesses === 0);
  while (!isQuiet() && systemClock.now() < deadlineMs) await setTimeout(QUIET_POLL_MS);
  // What the plane has answered is booked, whatever comes after.
  fdSessions.bookLast(fdPlane.close({ keepsSessions }));
  await service.continuity.keeper.whenKept();
  directory.release();
  await service.manager.heard();
}
