/** Programs that are measured or measure, each on the CPUs that it is told. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { parseTimings, type Timings } from './timings';

/**
 * On one: a wake-up across the two CPUs of a virtual machine costs 25 to 30 µs of its own, which hides everything else. On two:
 * whatever the scheduler makes of it.
 */
export type Cpus = 'one' | 'two';
/** The longest that anything here takes to start. */
const START_MS = 30_000;
/** What a server said, for the error that it is part of. */
const MOST_SAID = 4096;
/** A line of a baseline, or the daemon's in its log. */
const READY = /^ready$|"msg":"ready"/m;
const LISTS = { one: '0', two: '0,1' } as const;

/** As taskset(1) executes it on these CPUs and no others. */
export function pinned(cpus: Cpus, command: readonly string[]): [string, ...string[]] {
  return ['taskset', '--cpu-list', LISTS[cpus], ...command];
}

/** What a certificate bundle costs every Node at its start is no business of anybody's here. */
export const ENVIRONMENT: NodeJS.ProcessEnv = { ...process.env, NODE_EXTRA_CA_CERTS: undefined };

/** Is removed by whatever ends this process, SIGINT and SIGTERM included. */
export class TemporaryDirectory implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'dmabufd-bench-'));
  readonly #remove = () => rmSync(this.path, { recursive: true, force: true });

  constructor() {
    process.on('exit', this.#remove);
    for (const [signal, number] of [
      ['SIGINT', constants.signals.SIGINT],
      ['SIGTERM', constants.signals.SIGTERM],
    ] as const) {
      process.once(signal, () => process.exit(128 + number));
    }
  }

  [Symbol.dispose](): void {
    process.off('exit', this.#remove);
    this.#remove();
  }
}

/** One that serves, from when it says that it is ready until it is disposed of. */
export class Server implements AsyncDisposable {
  readonly #process: ChildProcessByStdio<null, Readable, Readable>;
  /** Also of one that is killed before anybody waits for it. */
  readonly #ended: Promise<unknown>;
  /** The last of it. All that a server says in its life, read again with every line of it, would be most of what is measured. */
  #said = '';

  private constructor(cpus: Cpus, command: readonly string[], environment: NodeJS.ProcessEnv) {
    const [program, ...args] = pinned(cpus, command);
    this.#process = spawn(program, args, {
      env: { ...ENVIRONMENT, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    // What cannot be started at all is told by whoever waits for what it says.
    this.#ended = once(this.#process, 'close').catch(() => {});
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        this.#said = (this.#said + chunk.toString()).slice(-MOST_SAID);
      });
    }
  }

  static start(cpus: Cpus, ...command: readonly string[]): Promise<Server> {
    return Server.startIn({}, cpus, ...command);
  }

  /** With more in its environment. */
  static async startIn(
    environment: NodeJS.ProcessEnv,
    cpus: Cpus,
    ...command: readonly string[]
  ): Promise<Server> {
    const server = new Server(cpus, command, environment);
    await server.#says((said) => (READY.test(said) ? true : undefined), 'ready');
    return server;
  }

  /** The last of what it has said. */
  get said(): string {
    return this.#said;
  }

  /** What it says upon a signal: the first that `find` finds. */
  answers<Found>(
    signal: NodeJS.Signals,
    find: (said: string) => Found | undefined,
  ): Promise<Found> {
    this.#said = '';
    this.#process.kill(signal);
    return this.#says(find, `answer to ${signal}`);
  }

  /** taskset executes the program in its own place. */
  get pid(): number {
    const { pid } = this.#process;
    if (pid === undefined) throw new Error('it could not be started');
    return pid;
  }

  #says<Found>(find: (said: string) => Found | undefined, what: string): Promise<Found> {
    const { stdout, stderr } = this.#process;
    return new Promise((resolve, reject) => {
      const fail = (why: string) => {
        clearTimeout(timer);
        reject(new Error(`${why}: ${this.#said}`));
      };
      const timer = setTimeout(() => fail(`no ${what} within ${START_MS} ms`), START_MS);
      const look = () => {
        const found = find(this.#said);
        if (found === undefined) return;
        clearTimeout(timer);
        for (const stream of [stdout, stderr]) stream.off('data', look);
        resolve(found);
      };
      for (const stream of [stdout, stderr]) stream.on('data', look);
      this.#process.on('error', reject);
      this.#process.on('close', () => fail('it ended'));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill('SIGTERM');
    await this.#ended;
  }
}

/** Runs one that measures, and answers what it found. */
export async function measured(cpus: Cpus, ...command: readonly string[]): Promise<Timings> {
  const [program, ...args] = pinned(cpus, command);
  const child = spawn(program, args, {
    env: ENVIRONMENT,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(child, 'close');
  if (child.exitCode !== 0) throw new Error(`${command.join(' ')} ended with ${child.exitCode}`);
  return parseTimings(Buffer.concat(chunks));
}
