/**
 * A client of the daemon in a process of its own, told what to do by the test.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { DaemonProcess } from './daemon-process';
import type { Answer, Command, Commands } from './processes/client';

const SCRIPT = join(__dirname, 'processes', 'client.js');

type ArgumentOf<Name extends keyof Commands> = Parameters<Commands[Name]>[0];
type AnswerOf<Name extends keyof Commands> = Awaited<ReturnType<Commands[Name]>>;

/** The process. It holds a session from the moment that {@link start} resolves. */
export class ClientProcess implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly #pending = new Map<number, (answer: Answer) => void>();
  #lastId = 0;
  #sessionId = 0;

  private constructor() {
    this.#process = fork(SCRIPT);
    this.#process.on('message', (answer: Answer) => this.#pending.get(answer.id)?.(answer));
    this.#process.on('exit', () => {
      const error = { code: 'GONE', message: 'the client process has ended' };
      for (const [id, resolve] of this.#pending) resolve({ id, error });
    });
  }

  /** As this process's user, or, which only root can, as another. */
  static async start(
    daemon: Pick<DaemonProcess, 'runtimeDirectory'>,
    uid?: number,
  ): Promise<ClientProcess> {
    const client = new ClientProcess();
    const { runtimeDirectory } = daemon;
    try {
      if (uid !== undefined) await client.tell('becomeUser', { uid, runtimeDirectory });
      client.#sessionId = await client.tell('connect', { runtimeDirectory });
      return client;
    } catch (error) {
      await client.kill();
      throw error;
    }
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  get sessionId(): number {
    return this.#sessionId;
  }

  /** Has it do something. Rejects with the code and message of what it failed with. */
  async tell<Name extends keyof Commands>(
    name: Name,
    argument: ArgumentOf<Name>,
  ): Promise<AnswerOf<Name>> {
    this.#lastId += 1;
    const command: Command = { id: this.#lastId, name, argument };
    const answer = await new Promise<Answer>((resolve) => {
      this.#pending.set(command.id, resolve);
      this.#process.send(command);
    });
    this.#pending.delete(command.id);
    if ('error' in answer) throw Object.assign(new Error(answer.error.message), answer.error);
    return toAnswer<Name>(answer.value);
  }

  /** `kill -9`. */
  async kill(): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    this.#process.kill('SIGKILL');
    await once(this.#process, 'exit');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}

/** What came over the channel is what the command answered, without its dates. */
function toAnswer<Name extends keyof Commands>(value: unknown): AnswerOf<Name> {
  const json: AnswerOf<Name> = JSON.parse(JSON.stringify(value ?? null));
  return json;
}
