/** Calls: what the control plane adds to gRPC itself. */
import { join } from 'node:path';
import type { Contest, Figure, Outcome } from '../figure';
import { Daemon, type Installation } from '../installation';
import { p50, rate } from '../outcomes';
import { measured, Server } from '../processes';
import type { Timings } from '../timings';

const CALLS = '5000';
const ECHO = 'an empty unary echo of grpc-js';

/** The daemon with one program that measures, and the echo with another. */
async function besideEcho(
  installation: Installation,
  ours: (directory: string) => Promise<Outcome>,
  clients: number,
  outcome: (timings: Timings) => Outcome,
): Promise<Contest> {
  const daemon = await Daemon.start(installation, 'one');
  const socket = join(installation.place, `echo-${process.hrtime.bigint()}`);
  const server = await Server.start('one', ...installation.script('echo-server', socket));
  const client = installation.script('echo-client', socket, CALLS, String(clients));
  return {
    ours: () => ours(daemon.directory),
    theirs: async () => outcome(await measured('one', ...client)),
    async [Symbol.asyncDispose]() {
      await Promise.all([daemon[Symbol.asyncDispose](), server[Symbol.asyncDispose]()]);
    },
  };
}

const sizeQuery: Figure = {
  name: 'Unary call (the size of a buffer), SDK, p50',
  baseline: ECHO,
  unit: 'µs',
  goal: { atMost: 1.15 },
  limit: 3.2,
  rounds: 9,
  prepare: (installation) =>
    besideEcho(
      installation,
      async (directory) =>
        p50(await measured('one', ...installation.script('sizes', directory, CALLS))),
      1,
      p50,
    ),
};

const access: Figure = {
  name: 'Begin and end of a CPU access, SDK, p50',
  baseline: ECHO,
  unit: 'µs',
  goal: { atMost: 0.3 },
  limit: 1.1,
  rounds: 9,
  prepare: (installation) =>
    besideEcho(
      installation,
      async (directory) =>
        p50(await measured('one', ...installation.script('accesses', directory, '1', CALLS))),
      1,
      p50,
    ),
};

const STORED_FDS = 512;

/** What it adds that all a session has outlives the daemon: files that are there before an answer is. */
const accessOfService: Figure = {
  name: 'Begin and end of a CPU access, SDK, p50, of a service that keeps its state',
  baseline: 'the same daemon without a service manager',
  unit: 'µs',
  goal: { atMost: 1.25 },
  rounds: 5,
  async prepare(installation) {
    const daemon = await Daemon.start(installation, 'one');
    const service = await installation.startService(STORED_FDS);
    const accesses = async (directory: string) =>
      p50(await measured('one', ...installation.script('accesses', directory, '1', CALLS)));
    return {
      ours: () => accesses(service.runtimeDirectory),
      theirs: () => accesses(daemon.directory),
      async [Symbol.asyncDispose]() {
        await Promise.all([daemon[Symbol.asyncDispose](), service[Symbol.asyncDispose]()]);
      },
    };
  },
};

const manyAccesses: Figure = {
  name: 'CPU accesses, 64 clients',
  baseline: 'unary echoes of 64 clients of grpc-js',
  unit: 'per second',
  goal: { atLeast: 3 },
  rounds: 7,
  prepare: (installation) =>
    besideEcho(
      installation,
      async (directory) =>
        rate()(await measured('one', ...installation.script('accesses', directory, '64', CALLS))),
      64,
      rate(),
    ),
};

export const CONTROL_FIGURES: readonly Figure[] = [
  sizeQuery,
  access,
  accessOfService,
  manyAccesses,
];
