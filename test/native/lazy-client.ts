/** A client of fd.sock, in a process of its own, that receives only what it is told to. */
import { PythonProcess } from './python-process';

export interface Received {
  readonly opcode: number;
  readonly status: number;
  readonly fds: number;
  readonly text: string;
}

/** Node receives whatever comes. */
export class LazyClient implements AsyncDisposable {
  private readonly process: PythonProcess;

  constructor(path: string) {
    this.process = new PythonProcess('lazy-client.py', path);
  }

  /** Answers WELCOME or GOODBYE. */
  async connect(name: string): Promise<Received> {
    return JSON.parse(await this.process.tell(`connect ${name}`));
  }

  /** Sends FETCH and waits until the answer can be received. */
  async fetch(name: string, bufferIds: readonly number[]): Promise<void> {
    await this.process.tell(`fetch ${name} ${bufferIds.join(' ')}`);
  }

  /** Sends as many FETCH, and EXPORT_FENCE behind them, without a look at the answers. */
  async pipeline(name: string, count: number, bufferIds: readonly number[]): Promise<void> {
    await this.process.tell(`pipeline ${name} ${count} ${bufferIds.join(' ')}`);
  }

  /** Breaks the protocol and waits until GOODBYE can be received. */
  async violate(name: string): Promise<void> {
    await this.process.tell(`violate ${name}`);
  }

  /** The next datagram. */
  async receive(name: string): Promise<Received> {
    return JSON.parse(await this.process.tell(`receive ${name}`));
  }

  async close(name: string): Promise<void> {
    await this.process.tell(`close ${name}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process[Symbol.asyncDispose]();
  }
}
