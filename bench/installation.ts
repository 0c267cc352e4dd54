/** What is measured and what measures: the package as it would be installed, and the programs of this directory, compiled. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { type Memory, REPORT_SIGNAL, reportsIn } from '../test/soak/memory';
import { type Cpus, ENVIRONMENT, measured, Server, type TemporaryDirectory } from './processes';
import type { Timings } from './timings';

const run = promisify(execFile);
const PROJECT = resolve(__dirname, '..', '..');
const C_PROGRAMS = ['fd-server', 'fd-client', 'bus-host'] as const;
/** Its interpreter is the node that is found first: the one that this runs on. */
const INSTALLED = { ...ENVIRONMENT, PATH: `${dirname(process.execPath)}:${process.env.PATH}` };
const BUS_PROGRAMS = ['bus-server', 'bus-client'] as const;
type Program = (typeof C_PROGRAMS)[number] | (typeof BUS_PROGRAMS)[number];

export class Installation {
  private constructor(
    readonly place: string,
    /** Where the package has its files. */
    readonly app: string,
  ) {}

  /** Everything lies in the directory, and ends with it. */
  static async make({ path }: TemporaryDirectory): Promise<Installation> {
    for (const name of C_PROGRAMS) await compile(name, path);
    for (const name of BUS_PROGRAMS) await compile(name, path, ['-lsystemd']);
    await run(process.execPath, [
      join(PROJECT, 'dist', 'packaging', 'build-deb.js'),
      '--out',
      path,
    ]);
    const [file] = (await readdir(path)).filter((name) => name.endsWith('.deb'));
    if (file === undefined) throw new Error('npm run deb left no package');
    await run('dpkg-deb', ['--extract', join(path, file), join(path, 'root')]);
    const installation = new Installation(path, join(path, 'root', 'usr', 'lib', 'dmabufd'));
    // As the package's postinst does.
    await run(installation.daemonProgram, ['--write-code-cache'], { env: INSTALLED });
    return installation;
  }

  program(name: Program): string {
    return join(this.place, name);
  }

  /** One of bench/programs, as a command. */
  script(name: string, ...args: readonly string[]): string[] {
    return [process.execPath, join(__dirname, 'programs', `${name}.js`), ...args];
  }

  get daemonProgram(): string {
    return join(this.app, 'dist', 'server', 'main.js');
  }

  /** To be executed by somebody else, with as many fds as there may be. */
  get managedDaemon(): string[] {
    const path = ['env', `PATH=${INSTALLED.PATH}`, '--unset=NODE_EXTRA_CA_CERTS'];
    return ['prlimit', `--nofile=${mostFds()}`, ...path, this.daemonProgram];
  }
}

async function compile(name: Program, place: string, libraries: string[] = []): Promise<void> {
  const source = join(PROJECT, 'bench', 'baselines', `${name}.c`);
  const flags = ['-std=c11', '-O2', '-Wall', '-Wextra', '-Werror'];
  await run(process.env.CC ?? 'cc', [...flags, '-o', join(place, name), source, ...libraries]);
}

/** How many fds this user lets a process open: RLIMIT_NOFILE, the hard one. proc_pid_limits(5) */
function mostFds(): number {
  const limits = readFileSync('/proc/self/limits', 'utf8');
  const [, hard = '0'] = /^Max open files +\S+ +(\S+)/m.exec(limits) ?? [];
  return hard === 'unlimited' ? 65_536 : Math.min(Number(hard), 65_536);
}

/** The most buffers that a figure has, as far as the fds of this machine allow: one costs the daemon up to three. */
export const MOST_BUFFERS = Math.min(10_000, Math.floor(mostFds() / 5000) * 1000);

interface Options {
  /** A module that is loaded into it first. */
  readonly preload?: string;
  /** So that it takes {@link MOST_BUFFERS}. */
  readonly hasMostFds?: boolean;
}

/** The daemon of the package, executed as it is installed, on a directory of its own. */
export class Daemon implements AsyncDisposable {
  private constructor(
    readonly directory: string,
    private readonly server: Server,
  ) {}

  static async start(installation: Installation, cpus: Cpus, options: Options = {}) {
    const directory = join(installation.place, `run-${process.hrtime.bigint()}`);
    const { preload, hasMostFds = false } = options;
    const loads = preload === undefined ? {} : { NODE_OPTIONS: `--require ${preload}` };
    const server = await Server.startIn(
      { ...INSTALLED, ...loads },
      cpus,
      ...(hasMostFds ? ['prlimit', `--nofile=${mostFds()}`] : []),
      ...[installation.daemonProgram, '--runtime-dir', directory],
    );
    return new Daemon(directory, server);
  }

  get pid(): number {
    return this.server.pid;
  }

  /** Of one that was started with {@link REPORTER}. */
  async memory(): Promise<Memory> {
    return this.server.answers(REPORT_SIGNAL, (said) => reportsIn(said)[0]);
  }

  get fdSocket(): string {
    return join(this.directory, 'fd.sock');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.server[Symbol.asyncDispose]();
  }
}

/** The C client asks a server for `fds` at a time, with so many requests before the first is answered. */
export function fetches(
  installation: Installation,
  cpus: Cpus,
  socket: string,
  { fds = 1, inFlight = 1, requests = 20_000 } = {},
): Promise<Timings> {
  const numbers = [fds, inFlight, requests].map(String);
  return measured(cpus, installation.program('fd-client'), socket, ...numbers);
}
