/** What a machine pays for a broker that is there: its start, and its memory. */
import { connect } from '../../client';
import { REPORTER } from '../../test/soak/memory';
import type { Figure, Outcome } from '../figure';
import { Daemon, type Installation, MOST_BUFFERS, requireFds } from '../installation';
import { CALLS, IDLE_MS, makeCalls, PAUSE_MS, pause, residentKib, rest } from '../loads';
import { Server } from '../processes';

const AN_EMPTY_SCRIPT = 'a Node script that does nothing';

const mebibytes = (pid: number): Outcome => ({ value: residentKib(pid) / 1024 });

/** From when it is asked for (fork(2), taskset and what the daemon's first line names included) to when it says that it is ready. */
async function start(begin: () => Promise<AsyncDisposable>): Promise<Outcome> {
  const at = performance.now();
  const server = await begin();
  const value = performance.now() - at;
  await server[Symbol.asyncDispose]();
  return { value };
}

const startUp: Figure = {
  name: 'Daemon start to ready, installed',
  baseline: AN_EMPTY_SCRIPT,
  unit: 'ms',
  goal: { atMost: 2 },
  limit: 4.5,
  rounds: 21,
  prepare: async (installation) => ({
    ours: () => start(() => Daemon.start(installation, 'one')),
    theirs: () => start(() => Server.start('one', ...installation.script('idle'))),
    [Symbol.asyncDispose]: async () => {},
  }),
};

/** How much a process has that has been started, and has done something or nothing. */
async function memory<Process extends AsyncDisposable & { readonly pid: number }>(
  begin: () => Promise<Process>,
  act: (started: Process) => Promise<void>,
): Promise<Outcome> {
  await using started = await begin();
  await act(started);
  return mebibytes(started.pid);
}

const idle: Figure = {
  name: `Resident memory of the daemon, idle for ${IDLE_MS / 1000} s`,
  baseline: `${AN_EMPTY_SCRIPT}, as long`,
  unit: 'MiB',
  goal: { atMost: 1.3 },
  rounds: 3,
  prepare: async (installation) => ({
    ours: () => memory(() => Daemon.start(installation, 'one'), rest),
    theirs: () => memory(() => Server.start('one', ...installation.script('idle')), rest),
    [Symbol.asyncDispose]: async () => {},
  }),
};

const afterCalls: Figure = {
  name: `Resident memory of the daemon, ${PAUSE_MS / 1000} s after ${CALLS} unary calls`,
  baseline: AN_EMPTY_SCRIPT,
  unit: 'MiB',
  goal: { atMost: 1.9 },
  limit: 2.3,
  rounds: 5,
  prepare: async (installation) => ({
    ours: () => memory(() => Daemon.start(installation, 'one'), makeCalls),
    theirs: () => memory(() => Server.start('one', ...installation.script('idle')), pause),
    [Symbol.asyncDispose]: async () => {},
  }),
};

/**
 * What is in use, all garbage collected: else it would be how lazy V8 was. Without the memory of the buffers themselves, which is shared
 * memory and not the daemon's.
 */
async function perBuffer(installation: Installation): Promise<Outcome> {
  requireFds();
  const options = { hasMostFds: true, preload: REPORTER };
  await using daemon = await Daemon.start(installation, 'one', options);
  await using broker = await connect({ runtimeDirectory: daemon.directory });
  const allocateHalf = async () => {
    for (let i = 0; i < MOST_BUFFERS / 2; i += 1) {
      await broker.allocate({ sizeBytes: 4096, heap: 'memfd' });
    }
    return daemon.memory();
  };
  // What so many calls have made the process need once and for all is in the first half.
  const before = await allocateHalf();
  const after = await allocateHalf();
  const grownMib = after.heapMib + after.otherMib - before.heapMib - before.otherMib;
  return { value: (grownMib * 1024) / (MOST_BUFFERS / 2) };
}

const memoryPerBuffer: Figure = {
  name: `Memory of the daemon for each buffer, up to ${MOST_BUFFERS}`,
  baseline: null,
  unit: 'KiB',
  goal: { atMost: 1 },
  rounds: 5,
  prepare: async (installation) => ({
    ours: () => perBuffer(installation),
    [Symbol.asyncDispose]: async () => {},
  }),
};

export const FOOTPRINT_FIGURES: readonly Figure[] = [startUp, idle, afterCalls, memoryPerBuffer];
