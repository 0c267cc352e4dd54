/** What is measured and what measures: the package as it would be installed, and the programs of this directory, compiled. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { ManagedDaemon } from '../test/e2e/service/managed-daemon';
import { type Memory, REPORT_SIGNAL, reportsIn } from '../test/soak/memory';
import { requireTools } from './debian';
import {
  type Cpus,
  ENVIRONMENT,
  measured,
  pinned,
  Server,
  type TemporaryDirectory,
} from './processes';
import type { Timings } from './timings';

const run = promisify(execFile);
const PROJECT = resolve(__dirname, '..', '..');
/** Its interpreter is the node that is found first: the one that this runs on. */
const INSTALLED = { ...ENVIRONMENT, PATH: `${dirname(process.execPath)}:${process.env.PATH}` };

/** The state of a service is on one, as docs/operations.md has it. */
const TMPFS = '/dev/shm';

const LIBRARIES = {
  'fd-server': [],
  'fd-client': [],
  'bus-host': [],
  'bus-server': ['-lsystemd'],
  'bus-client': ['-lsystemd'],
} as const;
type Program = keyof typeof LIBRARIES;

export class Installation {
  private readonly programs = new Map<Program, Promise<string>>();

  private constructor(
    readonly place: string,
    /** What is / where it is installed. */
    readonly root: string,
  ) {}

  /** Everything lies in the directory, and ends with it. */
  static async make({ path }: TemporaryDirectory): Promise<Installation> {
    requireTools();
    await run(process.execPath, [
      join(PROJECT, 'dist', 'packaging', 'build-deb.js'),
      '--out',
      path,
    ]);
    const [file] = (await readdir(path)).filter((name) => name.endsWith('.deb'));
    if (file === undefined) throw new Error('npm run deb left no package');
    await run('dpkg-deb', ['--extract', join(path, file), join(path, 'root')]);
    const installation = new Installation(path, join(path, 'root'));
    // As the package's postinst does.
    for (const name of ['server', 'client/cli']) {
      await run(installation.installed(name), ['--write-code-cache'], { env: INSTALLED });
    }
    return installation;
  }

  /** One of bench/baselines, compiled with the first who asks for it. */
  program(name: Program): Promise<string> {
    const known = this.programs.get(name) ?? this.compile(name);
    this.programs.set(name, known);
    return known;
  }

  /** One of bench/programs, as a command. */
  script(name: string, ...args: readonly string[]): string[] {
    return [process.execPath, join(__dirname, 'programs', `${name}.js`), ...args];
  }

  get daemonProgram(): string {
    return this.installed('server');
  }

  private installed(name: string): string {
    return join(this.root, 'usr', 'lib', 'dmabufd', 'dist', name, 'main.js');
  }

  /** The daemon as a service, that keeps what it has over a restart, with as many fds as there may be. */
  startService(storedFds: number, ...args: readonly string[]): Promise<ManagedDaemon> {
    const environment = ['env', `PATH=${INSTALLED.PATH}`, '--unset=NODE_EXTRA_CA_CERTS'];
    const command = ['prlimit', `--nofile=${mostFds()}`, ...environment, this.daemonProgram];
    return ManagedDaemon.startProgram(
      { program: pinned('one', command), storedFds, place: TMPFS },
      ...args,
    );
  }

  private async compile(name: Program): Promise<string> {
    const source = join(PROJECT, 'bench', 'baselines', `${name}.c`);
    const flags = ['-std=c11', '-O2', '-Wall', '-Wextra', '-Werror'];
    const program = join(this.place, name);
    const compiler = process.env.CC ?? 'cc';
    try {
      await run(compiler, [...flags, '-o', program, source, ...LIBRARIES[name]]);
    } catch (cause) {
      const remedy = 'a C compiler is needed, cc or $CC (apt install gcc)';
      throw new Error(`${compiler} ${name}.c: ${String(cause)}; ${remedy}`, { cause });
    }
    return program;
  }
}

/** How many fds this user lets a process open: RLIMIT_NOFILE, the hard one. proc_pid_limits(5) */
function mostFds(): number {
  const limits = readFileSync('/proc/self/limits', 'utf8');
  const [, hard = '0'] = /^Max open files +\S+ +(\S+)/m.exec(limits) ?? [];
  return hard === 'unlimited' ? 65_536 : Math.min(Number(hard), 65_536);
}

/** The most buffers that a figure has, as far as the fds of this machine allow: the daemon plans three for each, and has sessions, too. */
export const MOST_BUFFERS = Math.min(10_000, Math.floor(mostFds() / 5000) * 1000);

export function requireFds(): void {
  if (MOST_BUFFERS < 1000) throw new Error('RLIMIT_NOFILE is too low: it takes 5,000 fds at least');
}

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
    const loads =
      preload === undefined ? {} : { NODE_OPTIONS: `--require ${JSON.stringify(preload)}` };
    const server = await Server.startIn(
      { ...INSTALLED, ...loads },
      cpus,
      ...(hasMostFds ? ['prlimit', `--nofile=${mostFds()}`] : []),
      ...[installation.daemonProgram, '--no-policy', '--runtime-dir', directory],
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

  /** The last of it. */
  get log(): string {
    return this.server.said;
  }

  get fdSocket(): string {
    return join(this.directory, 'fd.sock');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.server[Symbol.asyncDispose]();
  }
}

/** The C client asks a server for `fds` at a time, with so many requests before the first is answered, and pauses before each. */
export async function fetches(
  installation: Installation,
  cpus: Cpus,
  socket: string,
  { fds = 1, inFlight = 1, requests = 20_000, pauseUs = 0 } = {},
): Promise<Timings> {
  const numbers = [fds, inFlight, requests, pauseUs].map(String);
  return measured(cpus, await installation.program('fd-client'), socket, ...numbers);
}
