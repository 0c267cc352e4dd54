/**
 * A real daemon in a process of its own, on a private directory that ends with it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chownSync,
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, credentials } from '@grpc/grpc-js';
import { service as healthService } from 'grpc-health-check';
import { Inspector, type LedgerTotals } from '../../client';
import { CONTROL_SOCKET_NAME } from '../../proto';
import { eventually, patience } from './slowness';

const PROGRAM = join(__dirname, '..', '..', 'server', 'main.js');

/** Starts `dmabufd`, and whatever the test wants to know of it. */
export class DaemonProcess implements AsyncDisposable {
  /** The parent of the runtime directory, for whatever else a test needs. */
  readonly directory: string;
  readonly runtimeDirectory: string;
  readonly inspector: Inspector;
  readonly #args: readonly string[];
  readonly #launcher: readonly string[];
  #process: ChildProcess;

  private constructor(
    directory: string,
    args: readonly string[],
    launcher: readonly string[] = [],
  ) {
    this.directory = directory;
    this.runtimeDirectory = join(this.directory, 'run');
    this.#args = args;
    this.#launcher = launcher;
    this.#process = this.#spawn();
    this.inspector = new Inspector(this.runtimeDirectory);
  }

  /** Starts one and waits until its health check answers SERVING. */
  static async start(...args: string[]): Promise<DaemonProcess> {
    return new DaemonProcess(newDirectory(), args).#started();
  }

  /** The same in a directory that is there already, and that ends with it, too. */
  static async startIn(directory: string, ...args: string[]): Promise<DaemonProcess> {
    return new DaemonProcess(directory, args).#started();
  }

  /** The same by a program that executes it with other limits, or as the user whose the directory then is. */
  static async startBy(
    launcher: readonly string[],
    uid: number,
    ...args: string[]
  ): Promise<DaemonProcess> {
    const directory = newDirectory();
    chownSync(directory, uid, uid);
    return new DaemonProcess(directory, args, launcher).#started();
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  get running(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  threadCount(): number {
    return readdirSync(`/proc/${this.pid}/task`).length;
  }

  /** Everything that it has logged. */
  get log(): string {
    return readFileSync(join(this.directory, 'daemon.log'), 'utf8');
  }

  async totals(): Promise<LedgerTotals> {
    const { totals } = await this.inspector.status({ timeoutMs: patience() });
    if (totals === null) throw new Error('the test is no administrator');
    return totals;
  }

  /** Waits until the daemon holds no more than it held before, of anything. What was just being freed then may be gone. */
  async settlesAt(before: LedgerTotals): Promise<void> {
    let now = before;
    await eventually('the daemon holds what it held before', async () => {
      now = await this.totals();
      return holdsNoMore(now, before) ? true : undefined;
    }).catch((cause: unknown) => {
      const difference = `before ${JSON.stringify(before)}, now ${JSON.stringify(now)}`;
      throw new Error(`something is left in the daemon: ${difference}`, { cause });
    });
  }

  /** Asks it to end, and answers its exit code. */
  async stop(): Promise<number | null> {
    this.#process.kill('SIGTERM');
    await this.#ended();
    return this.#process.exitCode;
  }

  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#ended();
  }

  /** Starts another in the same directory, after the first has ended. */
  async restart(): Promise<void> {
    this.#process = this.#spawn();
    await this.#serving();
  }

  /** Starts another in the same directory while this one runs: its exit code and what it said. */
  async startRival(): Promise<{ exitCode: number | null; stderr: string }> {
    const args = [PROGRAM, '--no-policy', '--runtime-dir', this.runtimeDirectory];
    const rival = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let stderr = '';
    rival.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    const timer = setTimeout(() => rival.kill('SIGKILL'), patience());
    await once(rival, 'close');
    clearTimeout(timer);
    return { exitCode: rival.exitCode, stderr };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.inspector.close();
    await this.kill();
    rmSync(this.directory, { recursive: true, force: true });
  }

  #spawn(): ChildProcess {
    const log = openSync(join(this.directory, 'daemon.log'), 'a');
    // This machine may have a policy of its own. A test that names one has that.
    const said = ['--no-policy', '--runtime-dir', this.runtimeDirectory, ...this.#args];
    const [program = '', ...args] = [...this.#launcher, process.execPath, PROGRAM, ...said];
    const child = spawn(program, args, { stdio: ['ignore', log, log] });
    closeSync(log);
    return child;
  }

  async #ended(): Promise<void> {
    if (this.running) await once(this.#process, 'exit');
  }

  /** Itself, once it serves. If it never does, nothing of it is left. */
  async #started(): Promise<this> {
    try {
      await this.#serving();
      return this;
    } catch (error) {
      await this[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #serving(): Promise<void> {
    const address = `unix:${join(this.runtimeDirectory, CONTROL_SOCKET_NAME)}`;
    await eventually('the daemon is SERVING', async () => {
      if (!this.running) throw new Error(`the daemon ended:\n${this.log}`);
      return (await askHealth(address)) === 'SERVING' ? true : undefined;
    });
  }
}

function holdsNoMore(now: LedgerTotals, before: LedgerTotals): boolean {
  const held = new Map(Object.entries(before));
  return Object.entries(now).every(([what, count]) => count <= (held.get(what) ?? 0));
}

function newDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'dmabufd-e2e-'));
}

/** The status of the whole server, or undefined if nobody answers. */
async function askHealth(address: string): Promise<string | undefined> {
  const method = healthService['Check'];
  if (method === undefined) throw new Error('no method Check');
  const client = new Client(address, credentials.createInsecure(), {
    'grpc.use_local_subchannel_pool': 1,
    // Otherwise grpc-js connects again after close() (1.14.7), and the daemon has connections that nobody uses.
    'grpc.initial_reconnect_backoff_ms': 1e9,
  });
  try {
    return await new Promise((resolve) => {
      client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        {},
        (error, response) => {
          const told = error === null && response !== undefined && 'status' in response;
          resolve(told ? String(response.status) : undefined);
        },
      );
    });
  } finally {
    client.close();
  }
}
