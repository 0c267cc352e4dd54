/** What is measured and what measures: the package as it would be installed, and the programs of this directory, compiled. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { type Cpus, measured, Server, type TemporaryDirectory } from './processes';
import type { Timings } from './timings';

const run = promisify(execFile);
const PROJECT = resolve(__dirname, '..', '..');
const C_PROGRAMS = ['fd-server', 'fd-client', 'bus-host'] as const;
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
    return new Installation(path, join(path, 'root', 'usr', 'lib', 'dmabufd'));
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

/** The daemon of the package, on a directory of its own. */
export class Daemon implements AsyncDisposable {
  private constructor(
    readonly directory: string,
    private readonly server: Server,
  ) {}

  static async start(
    installation: Installation,
    cpus: Cpus,
    options: { readonly node?: readonly string[] } = {},
  ): Promise<Daemon> {
    const directory = join(installation.place, `run-${process.hrtime.bigint()}`);
    const server = await Server.start(
      cpus,
      ...['prlimit', `--nofile=${mostFds()}`],
      process.execPath,
      ...(options.node ?? []),
      installation.daemonProgram,
      '--runtime-dir',
      directory,
    );
    return new Daemon(directory, server);
  }
  get pid(): number {
    return this.server.pid;
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
