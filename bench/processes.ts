/** Programs that are measured or measure, each on the CPUs that it is told. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
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
const LISTS = { one: '0', two: '0,1' } as const;

/** What a certificate bundle costs every Node at its start is no business of anybody's here. */
export const ENVIRONMENT: NodeJS.ProcessEnv = { ...process.env, NODE_EXTRA_CA_CERTS: undefined };

export class TemporaryDirectory implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'dmabufd-bench-'));

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** One that serves, from when it says that it is ready until it is disposed of. */
export class Server implements AsyncDisposable {
  readonly #process: ChildProcessByStdio<null, Readable, Readable>;
  #said = '';

  private constructor(cpus: Cpus, command: readonly string[]) {
    this.#process = spawn('taskset', ['--cpu-list', LISTS[cpus], ...command], {
      env: ENVIRONMENT,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        this.#said += chunk.toString();
      });
    }
  }

  static async start(cpus: Cpus, ...command: readonly string[]): Promise<Server> {
    const server = new Server(cpus, command);
    await server.#says('ready');
    return server;
  }

  /** taskset executes the program in its own place. */
  get pid(): number {
    const { pid } = this.#process;
    if (pid === undefined) throw new Error('it could not be started');
    return pid;
  }

  #says(word: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const give = () => reject(new Error(`no ${word} within ${START_MS} ms: ${this.#said}`));
      const timer = setTimeout(give, START_MS);
      const look = () => {
        if (!this.#said.includes(word)) return;
        clearTimeout(timer);
        resolve();
      };
      this.#process.stdout.on('data', look);
      this.#process.stderr.on('data', look);
      this.#process.on('error', reject);
      this.#process.on('close', () => reject(new Error(`it ended: ${this.#said}`)));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null) return;
    const ended = once(this.#process, 'close');
    this.#process.kill('SIGTERM');
    await ended;
  }
}

/** Runs one that measures, and answers what it found. */
export async function measured(cpus: Cpus, ...command: readonly string[]): Promise<Timings> {
  const child = spawn('taskset', ['--cpu-list', LISTS[cpus], ...command], {
    env: ENVIRONMENT,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  await once(child, 'close');
  if (child.exitCode !== 0) throw new Error(`${command.join(' ')} ended with ${child.exitCode}`);
  return parseTimings(Buffer.concat(chunks));
}
