import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Broker, connect } from '../../../client';
import { eventually, patience } from '../slowness';
import { ManagedDaemon } from './managed-daemon';

const PAGE_BYTES = 4096;
const limits = { timeoutMs: patience() };

/** Session 1 owns buffers 1 and 2, and shares the first with session 2. */
const READER = 2;

type Damage = (file: (name: string) => string) => void;

const cut =
  (name: string): Damage =>
  (file) =>
    writeFileSync(file(name), readFileSync(file(name)).subarray(0, -3));

const flipped =
  (name: string): Damage =>
  (file) => {
    const bytes = readFileSync(file(name));
    const last = bytes.length - 3;
    bytes.writeUInt8(bytes.readUInt8(last) ^ 1, last);
    writeFileSync(file(name), bytes);
  };

const ofVersion2 =
  (name: string): Damage =>
  (file) =>
    writeFileSync(file(name), readFileSync(file(name), 'utf8').replace(/^(\S+) 1 /, '$1 2 '));

/** With a checksum that is right: what somebody would write who can. */
const saying =
  (name: string, change: (fact: string) => string): Damage =>
  (file) => {
    const fact = change(readFileSync(file(name), 'utf8').split('\n')[1] ?? '');
    const sum = createHash('sha256').update(fact).digest('hex');
    writeFileSync(file(name), `dmabufd-state 1 ${sum}\n${fact}\n`);
  };

class Scene implements AsyncDisposable {
  readonly said: string[] = [];

  private constructor(
    readonly managed: ManagedDaemon,
    readonly owner: Broker,
    readonly reader: Broker,
  ) {
    for (const [name, broker] of [
      ['owner', owner],
      ['reader', reader],
    ] as const) {
      broker.on('disconnected', () => this.said.push(`${name}: disconnected`));
      broker.on('lost', ({ label }) => this.said.push(`${name}: lost ${label}`));
    }
  }

  static async set(): Promise<Scene> {
    const managed = await ManagedDaemon.start();
    const { runtimeDirectory } = managed;
    const owner = await connect({ runtimeDirectory, ...limits });
    const reader = await connect({ runtimeDirectory, ...limits });
    const shared = await owner.allocate({ sizeBytes: PAGE_BYTES, label: 'shared' }, limits);
    await owner.allocate({ sizeBytes: PAGE_BYTES, label: 'own' }, limits);
    await shared.write(0, Buffer.from('intact'), limits);
    await shared.share({ name: 'shared' }, limits);
    await reader.open({ name: 'shared' }, limits);
    return new Scene(managed, owner, reader);
  }

  /** The daemon dies, something happens to what it kept, and it is started again. */
  async restart(damage: Damage): Promise<void> {
    this.managed.hold();
    this.managed.kill('SIGKILL');
    await this.managed.ended();
    damage((name) => join(this.managed.stateDirectory, name));
    this.managed.start();
    await this.managed.ready();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.owner.close();
    await this.reader.close();
    await this.managed[Symbol.asyncDispose]();
  }
}

describe('what the daemon kept, and is damaged, costs the least possible:', () => {
  test.each<[string, Damage, string, readonly string[]]>([
    ["the reader's lease, cut", cut('lease-2-1'), 'lease-2-1', ['reader: lost shared']],
    ["the reader's lease, changed", flipped('lease-2-1'), 'lease-2-1', ['reader: lost shared']],
    [
      'a lease of another version',
      ofVersion2('lease-2-1'),
      'it is of version 2; this daemon reads version 1',
      ['reader: lost shared'],
    ],
    ['a buffer', flipped('buffer-1'), 'buffer-1', ['owner: lost shared', 'reader: lost shared']],
    [
      'a buffer that would be another',
      saying('buffer-1', (fact) => fact.replace(/"inode":\d+/, '"inode":12345')),
      'a buffer has not come back',
      ['owner: lost shared', 'reader: lost shared'],
    ],
    [
      'a session',
      flipped(`session-${READER}`),
      `session-${READER}`,
      ['reader: disconnected', 'reader: lost shared'],
    ],
    [
      "a session's token",
      flipped(`token-${READER}`),
      'the token of a session has not come back',
      ['reader: disconnected', 'reader: lost shared'],
    ],
    [
      'a session that would be of another process',
      saying(`session-${READER}`, (fact) => fact.replace(/"startTime":\d+/, '"startTime":1')),
      'a connection is of another process',
      ['reader: disconnected', 'reader: lost shared'],
    ],
    [
      'a session that would be of a process with another inode',
      saying(`session-${READER}`, (fact) =>
        fact.replace(/"pidfsInode":[1-9]\d*/, '"pidfsInode":9007199254740991'),
      ),
      'a connection is of another process',
      ['reader: disconnected', 'reader: lost shared'],
    ],
    [
      'nothing: a session of a version that did not ask for inodes',
      saying(`session-${READER}`, (fact) => fact.replace(/"pidfsInode":\d+,/, '')),
      'taken over after a restart',
      [],
    ],
    ['a grant', flipped('grant-1'), 'grant-1', []],
    [
      'a file that nobody knows',
      (file) => writeFileSync(file('hologram-7'), 'light'),
      'hologram-7',
      [],
    ],
  ])('%s', async (_what, damage, logged, lost) => {
    await using scene = await Scene.set();
    await scene.restart(damage);
    await eventually('all is lost that must be', () =>
      scene.said.length >= lost.length ? true : undefined,
    );
    await scene.owner.list(limits);
    await scene.reader.whenConnected(limits);
    await scene.reader.list(limits);
    expect(scene.said.sort()).toEqual([...lost].sort());
    expect(scene.managed.log).toContain(logged);

    // The others are served, and new things can be done.
    const own = await scene.owner.list(limits);
    expect(own.map(({ label }) => label)).toContain('own');
    await using anew = await scene.owner.allocate({ sizeBytes: PAGE_BYTES }, limits);
    await anew.write(0, Buffer.from('anew'), limits);
    const files = readdirSync(scene.managed.stateDirectory);
    expect(files).not.toContain('hologram-7');
  });

  test('the note of the ids: none is given again all the same', async () => {
    await using scene = await Scene.set();
    await scene.restart((file) => rmSync(file('ids')));
    await using anew = await scene.owner.allocate({ sizeBytes: PAGE_BYTES }, limits);
    expect(anew.id).toBeGreaterThan(1_000_000);
    expect(scene.said).toEqual([]);
  });

  test('an old note of the ids: whoever comes gets none that somebody has', async () => {
    await using scene = await Scene.set();
    const old = '{"session":1,"buffer":1,"grant":1}';
    await scene.restart(saying('ids', () => old));
    await using late = await connect({
      runtimeDirectory: scene.managed.runtimeDirectory,
      ...limits,
    });
    expect(await late.list(limits)).toEqual([]);
    expect(late.sessionId).toBeGreaterThan(1_000_000);
    await using anew = await scene.owner.allocate({ sizeBytes: PAGE_BYTES }, limits);
    expect(anew.id).toBeGreaterThan(1_000_000);
    expect(scene.said).toEqual([]);
  });

  test('what cannot be written is forgotten, and not remembered as it was before', async () => {
    await using scene = await Scene.set();
    await using buffer = await scene.owner.allocate({ sizeBytes: PAGE_BYTES }, limits);
    const { secret, grant } = await buffer.share({ maxUses: 1 }, limits);
    const by = { secret: secret ?? new Uint8Array() };
    // In the place of the file that is written aside.
    mkdirSync(join(scene.managed.stateDirectory, `grant-${grant.id}.new`));
    const opened = await scene.reader.open(by, limits);
    await opened.release(limits);
    await scene.restart(() => {});
    await expect(scene.reader.open(by, limits)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(scene.managed.log).toContain('a restart would lose this');
    expect(scene.said).toEqual([]);
  });

  test('all of it: everybody begins anew, and nobody has what was another’s', async () => {
    await using scene = await Scene.set();
    await scene.restart((file) => {
      for (const name of readdirSync(scene.managed.stateDirectory)) rmSync(file(name));
    });
    await scene.owner.whenConnected(limits);
    await scene.reader.whenConnected(limits);
    await eventually('both have new sessions', async () => {
      const lists = [await scene.owner.list(limits), await scene.reader.list(limits)];
      return lists.every((list) => list.length === 0) ? true : undefined;
    });
    expect(scene.said.sort()).toEqual([
      'owner: disconnected',
      'owner: lost own',
      'owner: lost shared',
      'reader: disconnected',
      'reader: lost shared',
    ]);
  });
});
