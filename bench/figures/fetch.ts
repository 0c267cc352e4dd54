/** Passing fds: what an application waits for when it has a frame's id and wants the frame. */
import { join } from 'node:path';
import type { Contest, Figure, Outcome } from '../figure';
import { Daemon, fetches, type Installation } from '../installation';
import { p50, quantileOf, rate } from '../outcomes';
import { type Cpus, measured, Server } from '../processes';

/** Of the SDK. */
const REQUESTS = '20000';
/** Over two seconds, and so over some sixty blocks of the event loop. */
const SPREAD = { requests: 4000, pauseUs: 500 };
const BARE = 'a bare C server on epoll, asked by the same client';

/** Before anything is started that would have to be stopped again. */
async function compile(installation: Installation): Promise<void> {
  for (const program of ['fd-server', 'fd-client'] as const) await installation.program(program);
}

async function withBareServer(installation: Installation, cpus: Cpus) {
  const socket = join(installation.place, `bare-${cpus}-${process.hrtime.bigint()}`);
  const server = await Server.start(cpus, await installation.program('fd-server'), socket);
  return { socket, server };
}

/** The daemon and the bare server, both with nothing else to do. */
async function besideBareServer(
  installation: Installation,
  cpus: Cpus,
  ours: (daemon: Daemon) => Promise<Outcome>,
  theirs: (socket: string) => Promise<Outcome>,
): Promise<Contest> {
  await compile(installation);
  const daemon = await Daemon.start(installation, cpus);
  const { socket, server } = await withBareServer(installation, cpus);
  return {
    ours: () => ours(daemon),
    theirs: () => theirs(socket),
    async [Symbol.asyncDispose]() {
      await Promise.all([daemon[Symbol.asyncDispose](), server[Symbol.asyncDispose]()]);
    },
  };
}

const inC = (cpus: Cpus): Figure => ({
  name: `FETCH of an fd, C client, p50${cpus === 'two' ? ', two CPUs' : ''}`,
  baseline: BARE,
  unit: 'µs',
  goal: { atMost: 1.15 },
  ...(cpus === 'one' ? { limit: 2 } : {}),
  rounds: 9,
  prepare: (installation) =>
    besideBareServer(
      installation,
      cpus,
      async (daemon) => p50(await fetches(installation, cpus, daemon.fdSocket)),
      async (socket) => p50(await fetches(installation, cpus, socket)),
    ),
});

const inFlight = (cpus: Cpus): Figure => ({
  name: `FETCH, 64 in flight${cpus === 'two' ? ', two CPUs' : ''}`,
  baseline: BARE,
  unit: 'per second',
  goal: { atLeast: 1 },
  ...(cpus === 'one' ? { limit: 0.6 } : {}),
  rounds: 9,
  prepare: (installation) =>
    besideBareServer(
      installation,
      cpus,
      async (daemon) =>
        rate()(await fetches(installation, cpus, daemon.fdSocket, { inFlight: 64 })),
      async (socket) => rate()(await fetches(installation, cpus, socket, { inFlight: 64 })),
    ),
});

const inTheSdk: Figure = {
  name: 'FETCH, SDK client, p50',
  baseline: 'the bare C server, asked by the C client',
  unit: 'µs',
  goal: { atMost: 1.5 },
  limit: 3,
  rounds: 9,
  prepare: (installation) =>
    besideBareServer(
      installation,
      'one',
      async (daemon) =>
        p50(await measured('one', ...installation.script('fetch', daemon.directory, REQUESTS))),
      async (socket) => p50(await fetches(installation, 'one', socket)),
    ),
};

const manyAtOnce: Figure = {
  name: '32 fds in one FETCH, fds',
  baseline: 'one fd in each FETCH',
  unit: 'per second',
  goal: { atLeast: 10 },
  limit: 8,
  rounds: 9,
  async prepare(installation) {
    const daemon = await Daemon.start(installation, 'one');
    return {
      ours: async () => rate(32)(await fetches(installation, 'one', daemon.fdSocket, { fds: 32 })),
      theirs: async () => rate()(await fetches(installation, 'one', daemon.fdSocket)),
      [Symbol.asyncDispose]: () => daemon[Symbol.asyncDispose](),
    };
  },
};

const besideCalls: Figure = {
  name: 'FETCH p99 while 8 unary calls are in flight, two CPUs',
  baseline: 'p50 with none in flight',
  unit: 'µs',
  goal: { atMost: 2.5 },
  rounds: 9,
  async prepare(installation) {
    const daemon = await Daemon.start(installation, 'two');
    return {
      async ours() {
        await using _calls = await Server.start(
          'two',
          ...installation.script('endless-calls', daemon.directory, '8'),
        );
        return quantileOf(0.99)(await fetches(installation, 'two', daemon.fdSocket));
      },
      theirs: async () => p50(await fetches(installation, 'two', daemon.fdSocket)),
      [Symbol.asyncDispose]: () => daemon[Symbol.asyncDispose](),
    };
  },
};

const besideBlockedLoop: Figure = {
  name: 'FETCH p99.9 while the event loop is blocked 10 ms in every 30, two CPUs',
  baseline: 'the same with an event loop that is not blocked',
  unit: 'µs',
  goal: { atMost: 5 },
  limit: 20,
  rounds: 9,
  async prepare(installation) {
    const blocker = join(__dirname, '..', 'programs', 'block-the-loop.js');
    const blocked = await Daemon.start(installation, 'two', { preload: blocker });
    const free = await Daemon.start(installation, 'two');
    // One in some forty meets a block. A server that stalls so is 73x to 130x of one that does not.
    const p999 = async ({ fdSocket }: Daemon) =>
      quantileOf(0.999)(await fetches(installation, 'two', fdSocket, SPREAD));
    return {
      ours: () => p999(blocked),
      theirs: () => p999(free),
      async [Symbol.asyncDispose]() {
        await Promise.all([blocked[Symbol.asyncDispose](), free[Symbol.asyncDispose]()]);
      },
    };
  },
};

export const FETCH_FIGURES: readonly Figure[] = [
  inC('one'),
  inC('two'),
  inFlight('one'),
  inFlight('two'),
  inTheSdk,
  manyAtOnce,
  besideCalls,
  besideBlockedLoop,
];
