/** A client of fd.sock, in a process of its own, that receives only what it is told to. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { projectRoot } from '../jest-run';

// Node receives whatever comes. Python is there: the addon's build needs it.
const PROGRAM = join(projectRoot, 'test', 'native', 'processes', 'lazy-client.py');

export interface Received {
  readonly opcode: number;
  readonly status: number;
  readonly fds: number;
  readonly text: string;
}

export class LazyClient {
  private readonly process: ChildProcessByStdio<Writable, Readable, null>;
  private readonly lines: AsyncIterator<string>;

  constructor(path: string) {
    this.process = spawn('python3', [PROGRAM, path], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.lines = createInterface(this.process.stdout)[Symbol.asyncIterator]();
  }

  /** Answers WELCOME or GOODBYE. */
  async connect(name: string): Promise<Received> {
    return JSON.parse(await this.tell(`connect ${name}`));
  }

  /** Sends FETCH and waits until the answer can be received. */
  async fetch(name: string, bufferIds: readonly number[]): Promise<void> {
    await this.tell(`fetch ${name} ${bufferIds.join(' ')}`);
  }

  /** Breaks the protocol and waits until GOODBYE can be received. */
  async violate(name: string): Promise<void> {
    await this.tell(`violate ${name}`);
  }

  /** The next datagram. */
  async receive(name: string): Promise<Received> {
    return JSON.parse(await this.tell(`receive ${name}`));
  }

  async close(name: string): Promise<void> {
    await this.tell(`close ${name}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const gone = once(this.process, 'close');
    this.process.kill('SIGKILL');
    await gone;
  }

  private async tell(command: string): Promise<string> {
    this.process.stdin.write(`${command}\n`);
    const { value } = await this.lines.next();
    return value;
  }
}
