/**
 * The demo's own daemon: a process of its own on a private directory, with its log in a file.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { CONTROL_SOCKET_NAME, FD_SOCKET_NAME } from '../../proto';
import { Inspector } from '../inspector';

const PROGRAM = join(__dirname, '..', '..', 'server', 'main.js');
const POLL_MS = 20;

/** A running daemon. */
export class DemoDaemon {
  readonly runtimeDirectory: string;
  readonly logFile: string;
  readonly inspector: Inspector;
  readonly #process: ChildProcess;

  private constructor(runtimeDirectory: string, logFile: string) {
    this.runtimeDirectory = runtimeDirectory;
    this.logFile = logFile;
    const log = openSync(logFile, 'w');
    const args = [PROGRAM, '--no-policy', '--runtime-dir', runtimeDirectory];
    this.#process = spawn(process.execPath, args, { stdio: ['ignore', log, log] });
    closeSync(log);
    this.inspector = new Inspector(runtimeDirectory);
  }

  /** Starts one and waits until it answers. */
  static async start(directory: string, timeoutMs: number): Promise<DemoDaemon> {
    const daemon = new DemoDaemon(join(directory, 'run'), join(directory, 'daemon.log'));
    const deadline = AbortSignal.timeout(timeoutMs);
    while (!daemon.#hasSockets()) {
      if (daemon.#hasEnded()) throw new Error(`the daemon ended: see ${daemon.logFile}`);
      if (deadline.aborted) throw new Error(`the daemon is not ready: see ${daemon.logFile}`);
      await sleep(POLL_MS);
    }
    return daemon;
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** Asks it to end. True if it did so by itself, with success, and took its sockets along. */
  async stop(timeoutMs: number): Promise<boolean> {
    this.inspector.close();
    const patience = setTimeout(() => this.#process.kill('SIGKILL'), timeoutMs);
    this.#process.kill('SIGTERM');
    if (!this.#hasEnded()) await once(this.#process, 'exit');
    clearTimeout(patience);
    return this.#process.exitCode === 0 && !this.#hasSockets();
  }

  kill(): void {
    this.inspector.close();
    this.#process.kill('SIGKILL');
  }

  #hasSockets(): boolean {
    return [CONTROL_SOCKET_NAME, FD_SOCKET_NAME].every((name) =>
      existsSync(join(this.runtimeDirectory, name)),
    );
  }

  #hasEnded(): boolean {
    return this.#process.exitCode !== null || this.#process.signalCode !== null;
  }
}
