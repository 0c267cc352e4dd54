/** A daemon under a service manager: started by it with its sockets, restarted by it whenever it ends. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { projectRoot } from '../../jest-run';
import { eventually } from '../slowness';

const DAEMON = join(__dirname, '..', '..', '..', 'server', 'main.js');
const MANAGER = join(projectRoot, 'test', 'e2e', 'service', 'service-manager.py');
const WATCHDOG_USEC = 200_000;

/** What the service manager tells, one at a time, and when by its clock. */
export type Told = { readonly atMs: number } & (
  | { readonly started: number }
  | { readonly ended: number }
  | { readonly alive: true }
  | { readonly notified: Readonly<Record<string, string>>; readonly fds: number }
  | { readonly names: readonly string[] }
);

interface Service {
  /** The daemon, as it is executed. */
  readonly program: readonly string[];
  /** How many fds the service manager keeps for it. */
  readonly storedFds: number;
  /** Where its directories are made; without, where all temporary ones are. */
  readonly place?: string;
}

const AS_BUILT: Service = { program: [process.execPath, DAEMON], storedFds: 512 };

export class ManagedDaemon implements AsyncDisposable {
  readonly directory: string;
  readonly runtimeDirectory: string;
  readonly stateDirectory: string;
  readonly told: Told[] = [];
  readonly #manager: ChildProcess;

  private constructor({ program, storedFds, place = tmpdir() }: Service, args: readonly string[]) {
    this.directory = mkdtempSync(join(place, 'dmabufd-service-'));
    this.runtimeDirectory = join(this.directory, 'run');
    this.stateDirectory = join(this.directory, 'state');
    const daemon = [
      ...program,
      '--no-policy',
      '--runtime-dir',
      this.runtimeDirectory,
      '--state-dir',
      this.stateDirectory,
    ];
    const settings = [this.directory, String(WATCHDOG_USEC), String(storedFds)];
    const command = [MANAGER, ...settings, ...daemon, ...args];
    this.#manager = spawn('python3', command, { stdio: ['pipe', 'pipe', 'pipe'] });
    const { stdout, stderr } = this.#manager;
    if (stdout === null || stderr === null) throw new Error('no pipes');
    createInterface(stdout).on('line', (line) => {
      const told: Told = JSON.parse(line);
      this.told.push(told);
    });
    stderr.on('data', (chunk) => {
      this.log += String(chunk);
    });
  }

  /** The daemon's log, and the service manager's complaints. */
  log = '';

  static start(...args: string[]): Promise<ManagedDaemon> {
    return ManagedDaemon.startProgram(AS_BUILT, ...args);
  }

  static async startProgram(service: Service, ...args: string[]): Promise<ManagedDaemon> {
    const managed = new ManagedDaemon(service, args);
    await managed.ready();
    return managed;
  }

  /** Waits for the next that was told and satisfies; what was told before it is forgotten. */
  async next<Found extends Told>(
    what: string,
    isIt: (told: Told) => told is Found,
  ): Promise<Found> {
    return eventually(`${what}; the log: ${this.log.slice(-2000)}`, () => {
      const at = this.told.findIndex(isIt);
      if (at < 0) return undefined;
      const found = this.told.splice(0, at + 1)[at];
      return found !== undefined && isIt(found) ? found : undefined;
    });
  }

  async started(): Promise<number> {
    return (await this.startedAt()).started;
  }

  async startedAt() {
    const isStarted = (told: Told): told is Extract<Told, { started: number }> => 'started' in told;
    return this.next('started', isStarted);
  }

  async ended(): Promise<number> {
    const isEnded = (told: Told): told is Extract<Told, { ended: number }> => 'ended' in told;
    return (await this.next('ended', isEnded)).ended;
  }

  /** What the daemon says with READY=1. */
  async ready(): Promise<Readonly<Record<string, string>>> {
    return (await this.notified('READY')).notified;
  }

  async notified(field: string) {
    const isNotified = (told: Told): told is Extract<Told, { fds: number }> =>
      'notified' in told && field in told.notified;
    return this.next(field, isNotified);
  }

  /** Waits until the daemon says this of itself; it may have said less before. */
  async status(text: string): Promise<void> {
    const isIt = (told: Told): told is Extract<Told, { fds: number }> =>
      'notified' in told && told.notified['STATUS'] === text;
    await this.next(`the status '${text}'`, isIt);
  }

  /** Signals the daemon. */
  kill(signal: 'SIGTERM' | 'SIGKILL' | 'SIGHUP' | 'SIGSTOP'): void {
    this.#tell(`kill ${signal}`);
  }

  /** It is not started again when it ends. */
  hold(): void {
    this.#tell('hold');
  }

  start(): void {
    this.#tell('start');
  }

  /** The names in the fd store. */
  async names(): Promise<readonly string[]> {
    this.#tell('names');
    const isNames = (told: Told): told is Extract<Told, { names: readonly string[] }> =>
      'names' in told;
    return (await this.next('names', isNames)).names;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#manager.stdin?.end();
    if (this.#manager.exitCode === null) await once(this.#manager, 'exit');
    rmSync(this.directory, { recursive: true, force: true });
  }

  #tell(command: string): void {
    this.#manager.stdin?.write(`${command}\n`);
  }
}
