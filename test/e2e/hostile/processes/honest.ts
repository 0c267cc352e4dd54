/**
 * An honest client, which does what clients do all day, round after round, and tells how it went. A second process of it
 * connects anew in each round, and opens and reads what the first has published.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { type Broker, connect } from '../../../../client';

/** What the test tells first. */
export interface Beginning {
  readonly runtimeDirectory: string;
  /** Whom to become. */
  readonly uid: number;
  /** How long each call may take. */
  readonly boundMs: number;
}

/** The call that took longest. */
interface Took {
  readonly what: string;
  readonly ms: number;
}

/** What is told after each round. */
export interface Told {
  readonly rounds: number;
  readonly errors: readonly string[];
  readonly longest: Took;
  /** It has done as it was told, and waits. */
  readonly isPaused: boolean;
}

const TEXT = 'as ever';
const MAX_ERRORS_TOLD = 20;
const errors: string[] = [];
let rounds = 0;
let longest: Took = { what: '', ms: 0 };

function tell(isPaused: boolean): void {
  const told: Told = { rounds, errors, longest, isPaused };
  process.send?.(told);
}

function note(took: Took): void {
  if (took.ms > longest.ms) longest = took;
}

/** One call, which must not fail and not take longer than the bound. */
async function step<T>(what: string, call: () => Promise<T>): Promise<T> {
  const startedMs = performance.now();
  try {
    return await call();
  } catch (error) {
    throw new Error(`${what}: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    note({ what, ms: performance.now() - startedMs });
  }
}

async function becomeUser({ runtimeDirectory, uid, boundMs }: Beginning): Promise<void> {
  // What is loaded late is loaded now: the other user may not be able to read this checkout.
  const warmUp = await connect({ runtimeDirectory, timeoutMs: 10 * boundMs });
  await warmUp.status();
  await warmUp.close();
  process.setgroups?.([]);
  process.setgid?.(uid);
  process.setuid?.(uid);
}

async function work(broker: Broker, reader: ChildProcess, timeoutMs: number): Promise<void> {
  const limits = { timeoutMs };
  const name = `honest/${process.pid}/${rounds}`;
  const allocation = { sizeBytes: 4096, label: 'honest' };
  const buffer = await step('allocate', () => broker.allocate(allocation, limits));
  try {
    await step('write', () => buffer.write(0, Buffer.from(TEXT), limits));
    await step('share', () => buffer.share({ name, access: 'read' }, limits));
    await step('size', () => buffer.size(limits));
    await readBy(reader, name);
  } finally {
    await step('release', () => buffer.release(limits));
  }
}

async function readBy(reader: ChildProcess, name: string): Promise<void> {
  reader.send(name);
  const [answer]: { error: string | null; longest: Took }[] = await once(reader, 'message');
  if (answer === undefined) throw new Error('the reader has not answered');
  note(answer.longest);
  if (answer.error !== null) throw new Error(`reader: ${answer.error}`);
}

async function read({ runtimeDirectory, boundMs }: Beginning, name: string): Promise<void> {
  const limits = { timeoutMs: boundMs };
  const broker = await step('connect', () => connect({ runtimeDirectory, ...limits }));
  try {
    const buffer = await step('open', () => broker.open({ name }, limits));
    const bytes = await step('read', () => buffer.read(0, TEXT.length, limits));
    if (Buffer.from(bytes).toString() !== TEXT) throw new Error('read something else');
    await step('release', () => buffer.release(limits));
  } finally {
    await broker.close();
  }
}

/** The first process. */
async function own(beginning: Beginning): Promise<void> {
  const { runtimeDirectory, boundMs } = beginning;
  const reader = fork(__filename, ['reader']);
  reader.send(beginning);
  await once(reader, 'message');
  await becomeUser(beginning);
  const broker = await connect({ runtimeDirectory, timeoutMs: boundMs });
  broker.on('disconnected', (error) => errors.push(`disconnected: ${error.message}`));
  for (;;) {
    tell(true);
    await once(process, 'message');
    errors.length = 0;
    longest = { what: '', ms: 0 };
    let isToPause = false;
    process.once('message', () => {
      isToPause = true;
    });
    while (!isToPause) {
      await work(broker, reader, boundMs).catch((error: Error) => {
        if (errors.length < MAX_ERRORS_TOLD) errors.push(error.message);
      });
      rounds += 1;
      tell(false);
    }
  }
}

/** The second. */
async function readAll(beginning: Beginning): Promise<void> {
  await becomeUser(beginning);
  process.send?.('ready');
  process.on('message', (name: string) => {
    longest = { what: '', ms: 0 };
    void read(beginning, name)
      .then(() => null, String)
      .then((error) => process.send?.({ error, longest }));
  });
}

const role = process.argv[2] === 'reader' ? readAll : own;
process.once('message', (beginning: Beginning) => void role(beginning));
process.on('disconnect', () => process.exit(0));
