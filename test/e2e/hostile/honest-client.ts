/**
 * An honest client beside an attack: two processes of a user of their own that allocate, write, share, connect, open, read and
 * release in a loop, and notice every error and every call that is not done within the bound.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { DaemonProcess } from '../daemon-process';
import { eventually, patience, SLOWNESS } from '../slowness';
import type { Beginning, Told } from './processes/honest';

/**
 * How long a call of an honest client may take while somebody attacks. Alone it takes a few milliseconds; attackers, clients and
 * the daemon share two cores here, often with others. A person waits two seconds without thinking that it is broken.
 */
export const BOUND_MS = 2_000 * SLOWNESS;

const PROGRAM = join(__dirname, 'processes', 'honest.js');

export class HonestClient implements AsyncDisposable {
  private constructor(
    private readonly process: ChildProcess,
    private told: Told,
  ) {
    process.on('message', (told: Told) => {
      this.told = told;
    });
  }

  /** Connected, and paused. */
  static async start(daemon: DaemonProcess, uid: number): Promise<HonestClient> {
    const child = fork(PROGRAM);
    const { runtimeDirectory } = daemon;
    const beginning: Beginning = { runtimeDirectory, uid, boundMs: BOUND_MS };
    child.send(beginning);
    const signal = AbortSignal.timeout(patience());
    const [told]: (Told | undefined)[] = await Promise.race([
      once(child, 'message', { signal }),
      once(child, 'exit').then(() => []),
    ]);
    if (told === undefined) throw new Error('the honest client could not begin');
    return new HonestClient(child, told);
  }

  get report(): Told {
    return this.told;
  }

  work(): void {
    this.process.send('work');
    this.told = { ...this.told, isPaused: false };
  }

  /** Ends the round and waits. */
  async pause(): Promise<void> {
    this.process.send('pause');
    await eventually('the honest client pauses', () => (this.told.isPaused ? true : undefined));
  }

  /** Waits until it has done so many more rounds, well or not. */
  async rounds(count: number): Promise<void> {
    const end = this.told.rounds + count;
    await eventually(`${count} rounds of the honest client`, () => {
      return this.told.rounds >= end || this.process.exitCode !== null ? true : undefined;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.process.exitCode !== null) return;
    this.process.kill('SIGKILL');
    await once(this.process, 'exit');
  }
}
