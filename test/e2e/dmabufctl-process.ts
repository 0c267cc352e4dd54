/**
 * dmabufctl as a shell runs it.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import type { DaemonProcess } from './daemon-process';
import { eventually, patience } from './slowness';

/** The compiled program. */
export const DMABUFCTL = join(__dirname, '..', '..', 'client', 'cli', 'main.js');

export interface Outcome {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** One run, while it goes on. */
export class DmabufctlProcess implements AsyncDisposable {
  readonly #process: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #stdout: Buffer[] = [];
  readonly #stderr: Buffer[] = [];
  readonly #closed: Promise<unknown>;

  constructor(daemon: DaemonProcess | null, args: readonly string[], input = '') {
    const DMABUFD_RUNTIME_DIR = daemon?.runtimeDirectory ?? '/nonexistent';
    this.#process = spawn(process.execPath, [DMABUFCTL, ...args], {
      env: { ...process.env, DMABUFD_RUNTIME_DIR },
      stdio: ['pipe', 'pipe', 'pipe'],
      timeout: patience(),
    });
    this.#closed = once(this.#process, 'close');
    this.#process.stdout.on('data', (chunk: Buffer) => this.#stdout.push(chunk));
    this.#process.stderr.on('data', (chunk: Buffer) => this.#stderr.push(chunk));
    this.#process.stdin.on('error', () => {});
    this.#process.stdin.end(input);
  }

  /** Waits until it has printed something that matches. */
  async prints(pattern: RegExp): Promise<string> {
    return eventually(`dmabufctl prints ${pattern}`, () => {
      const text = Buffer.concat(this.#stdout).toString();
      if (pattern.test(text)) return text;
      if (this.#process.exitCode === null) return undefined;
      throw new Error(`dmabufctl ended: ${text}${Buffer.concat(this.#stderr)}`);
    });
  }

  async signal(signal: NodeJS.Signals): Promise<Outcome> {
    this.#process.kill(signal);
    return this.outcome();
  }

  async outcome(): Promise<Outcome> {
    await this.#closed;
    return {
      exitCode: this.#process.exitCode,
      stdout: Buffer.concat(this.#stdout).toString(),
      stderr: Buffer.concat(this.#stderr).toString(),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#closed;
  }
}

/** Runs it to its end. */
export function dmabufctl(daemon: DaemonProcess | null, ...args: string[]): Promise<Outcome> {
  return new DmabufctlProcess(daemon, args).outcome();
}
