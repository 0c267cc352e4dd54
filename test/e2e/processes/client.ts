/**
 * A client process that does what a test tells it, with the SDK: commands by name, over node's IPC channel.
 */
import { closeSync, openSync } from 'node:fs';
import {
  type AccessMode,
  type Broker,
  connect,
  DmabufdError,
  Inspector,
  type Share,
  type SharedBuffer,
} from '../../../client';
import addon from '../../../native';
import { patience } from '../slowness';

let broker: Broker | null = null;
const buffers = new Map<number, SharedBuffer>();
const shares = new Map<number, Share>();
const kept: Disposable[] = [];
const eventsSeen: string[] = [];
const accesses = new Map<number, { readonly letGo: () => void; readonly ended: Promise<void> }>();

interface Sharing {
  readonly bufferId: number;
  readonly name?: string;
  readonly access?: 'read' | 'read-write';
  readonly maxUses?: number;
  readonly timeToLiveMs?: number;
  readonly uid?: number;
}

/** What a test may tell. Arguments and answers are plain JSON. */
const commands = {
  async connect(options: { runtimeDirectory: string }): Promise<number> {
    broker = await connect({ ...options, timeoutMs: patience() });
    return broker.sessionId;
  },
  /** Becomes another user, before it connects for good. */
  async becomeUser({ uid, runtimeDirectory }: { uid: number; runtimeDirectory: string }) {
    // What is loaded late is loaded now: the other user may not be able to read this checkout.
    const warmUp = await connect({ runtimeDirectory, timeoutMs: patience() });
    await warmUp.status();
    await warmUp.close();
    process.setgroups?.([]);
    process.setgid?.(uid);
    process.setuid?.(uid);
  },
  async allocate(allocation: { sizeBytes: number; label?: string; heap?: string }) {
    return keep(await theBroker().allocate(allocation));
  },
  async share({ bufferId, uid, ...options }: Sharing) {
    const share = await theBuffer(bufferId).share({ ...options, audience: { uid } });
    const { grant, secret } = share;
    shares.set(grant.id, share);
    return { grantId: grant.id, secretHex: Buffer.from(secret ?? []).toString('hex') };
  },
  async open(by: { name: string } | { secretHex: string }) {
    const secretOrName = 'name' in by ? by : { secret: Buffer.from(by.secretHex, 'hex') };
    return keep(await theBroker().open(secretOrName));
  },
  /** A memfd of this process's own, which it brings to the daemon. */
  async adoptMemfd({ sizeBytes, label }: { sizeBytes: number; label: string }) {
    using memfd = await addon.createMemfd('of a test', sizeBytes);
    return keep(await theBroker().adopt(memfd, { label }));
  },
  async write({ bufferId, offset, text }: { bufferId: number; offset: number; text: string }) {
    await theBuffer(bufferId).write(offset, Buffer.from(text));
  },
  async read({ bufferId, offset, length }: { bufferId: number; offset: number; length: number }) {
    return Buffer.from(await theBuffer(bufferId).read(offset, length)).toString();
  },
  /** Begins an access and stays inside; answers when it is. */
  async enter({ bufferId, mode }: { bufferId: number; mode: AccessMode }): Promise<void> {
    await new Promise<void>((inside, failed) => {
      let letGo = () => {};
      const left = new Promise<void>((resolve) => {
        letGo = resolve;
      });
      const stay = async () => {
        inside();
        await left;
      };
      const ended = theBuffer(bufferId).access(mode, stay, { timeoutMs: patience() });
      ended.catch(failed);
      accesses.set(bufferId, { letGo, ended });
    });
  },
  async leave({ bufferId }: { bufferId: number }): Promise<void> {
    accesses.get(bufferId)?.letGo();
    await accesses.get(bufferId)?.ended;
  },
  /** Tries to have an fd of the buffer that can write, whatever the lease says. */
  async reopenForWriting({ bufferId }: { bufferId: number }): Promise<string> {
    const fd = await theBuffer(bufferId).fd();
    try {
      closeSync(openSync(`/proc/self/fd/${fd.number}`, 'r+'));
      return 'opened';
    } catch (error) {
      return error instanceof Error && 'code' in error ? String(error.code) : String(error);
    }
  },
  /** The ids of all the daemon's buffers. */
  async listAll(_nothing: object): Promise<number[]> {
    return (await theBroker().list({ allSessions: true })).map(({ id }) => id);
  },
  /** What the daemon tells this user of the policy: the rule that decides, or why it does not tell. */
  async askPolicy({ runtimeDirectory }: { runtimeDirectory: string }) {
    using inspector = new Inspector(runtimeDirectory);
    const answerTo = (asked: Promise<unknown>) =>
      asked.then(
        () => 'OK',
        (error: unknown) => (error instanceof DmabufdError ? error.code : String(error)),
      );
    return {
      own: (await inspector.explainPolicy()).steps.at(-1)?.rule,
      ofOther: await answerTo(inspector.explainPolicy({ uid: 0 })),
      policy: await answerTo(inspector.policy()),
      reload: await answerTo(inspector.reloadPolicy()),
    };
  },
  async describe({ bufferId }: { bufferId: number }): Promise<number> {
    return (await theBroker().describe(bufferId)).buffer.id;
  },
  /** Keeps the buffer open beyond its lease. */
  async keep({ bufferId, what }: { bufferId: number; what: 'fd' | 'mapping' }): Promise<void> {
    const buffer = theBuffer(bufferId);
    const fd = (await buffer.fd()).duplicate();
    if (what === 'fd') {
      kept.push(fd);
      return;
    }
    kept.push(addon.map(fd, buffer.sizeBytes ?? 0, 'read-only'));
    fd.close();
  },
  async letGoOfAll(_nothing: object): Promise<void> {
    for (const one of kept.splice(0)) one[Symbol.dispose]();
  },
  async revoke({ grantId }: { grantId: number }): Promise<number> {
    const share = shares.get(grantId);
    if (share === undefined) throw new Error(`no grant ${grantId} here`);
    return share.revoke({ revokeLeases: true });
  },
  /** Notes events from now on. */
  async watch(_nothing: object): Promise<void> {
    const stream = await theBroker().watch();
    const note = async () => {
      for await (const { type } of stream) eventsSeen.push(type);
    };
    note().catch(() => undefined);
  },
  async eventsSeen(_nothing: object): Promise<string[]> {
    return eventsSeen;
  },
  async release({ bufferId }: { bufferId: number }): Promise<void> {
    await theBuffer(bufferId).release();
  },
};

/** For the test's side of the channel. */
export type Commands = typeof commands;

/** What goes over the channel: one command, and its answer or why it has none. */
export interface Command {
  readonly id: number;
  readonly name: keyof Commands;
  readonly argument: object;
}

export type Answer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: { readonly code: string; readonly message: string } };

function keep(buffer: SharedBuffer) {
  buffers.set(buffer.id, buffer);
  return buffer.description;
}

function theBroker(): Broker {
  if (broker === null) throw new Error('not connected');
  return broker;
}

function theBuffer(id: number): SharedBuffer {
  const buffer = buffers.get(id);
  if (buffer === undefined) throw new Error(`no buffer ${id} here`);
  return buffer;
}

async function obey(command: Command): Promise<Answer> {
  const { id, name, argument } = command;
  try {
    const run: (argument: never) => Promise<unknown> = commands[name];
    return { id, value: await Reflect.apply(run, undefined, [argument]) };
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'ERROR';
    return { id, error: { code, message: error instanceof Error ? error.message : String(error) } };
  }
}

process.on('message', (command: Command) => {
  void obey(command).then((answer) => process.send?.(answer));
});
process.on('disconnect', () => process.exit(0));
