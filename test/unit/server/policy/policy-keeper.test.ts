import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLog } from '../../../../server/log';
import {
  type PolicyFact,
  PolicyKeeper,
  type PolicyMemory,
} from '../../../../server/policy/policy-keeper';
import { PolicyFileError } from '../../../../server/policy/problems';

const ABOUT = { daemonUid: process.geteuid?.() ?? 0, seesCgroups: true };
const { log } = openLog('silent');

/** Of what was in force before a restart. */
class FakeMemory implements PolicyMemory {
  constructor(public last: PolicyFact | null = null) {}

  keepPolicy(fact: PolicyFact): void {
    this.last = fact;
  }

  forgetPolicy(): void {
    this.last = null;
  }
}

describe('the policy in force', () => {
  const directory = mkdtempSync(join(tmpdir(), 'dmabufd-policy-'));
  const path = join(directory, 'policy.yaml');
  afterAll(() => rmSync(directory, { recursive: true, force: true }));
  afterEach(() => rmSync(path, { force: true }));

  let memory = new FakeMemory();
  beforeEach(() => {
    memory = new FakeMemory();
  });

  const write = (...names: string[]) =>
    writeFileSync(
      path,
      `version: 1\nrules:${names.length === 0 ? ' []' : ''}\n${names
        .map((name) => `  - { name: ${name}, match: { uid: 1 }, deny: true }\n`)
        .join('')}default: deny\n`,
    );
  const namesOf = (keeper: PolicyKeeper) => keeper.inForce.current.rules.map(({ name }) => name);

  test('is the built-in one where no file is named and none is there', async () => {
    for (const location of [null, { path, isRequired: false }]) {
      const keeper = await PolicyKeeper.open(location, ABOUT, log, memory);
      expect(keeper.inForce.current.source).toBe('built in');
      expect((await keeper.reload()).source).toBe('built in');
    }
  });

  test('must be in the file that is named', async () => {
    await expect(PolicyKeeper.open({ path, isRequired: true }, ABOUT, log, memory)).rejects.toThrow(
      new PolicyFileError([`${path}: there is no such file`]),
    );
  });

  test('is what the file says when it is reloaded', async () => {
    write('a');
    const keeper = await PolicyKeeper.open({ path, isRequired: true }, ABOUT, log, memory);
    write('b', 'c');
    expect(namesOf(keeper)).toEqual(['a', 'administrators', 'everybody']);
    expect(await keeper.reload()).toBe(keeper.inForce.current);
    expect(namesOf(keeper)).toEqual(['b', 'c', 'administrators', 'everybody']);
  });

  test('is after a restart what it was before, if the file cannot be taken any more', async () => {
    write('a');
    await PolicyKeeper.open({ path, isRequired: false }, ABOUT, log, memory);
    write('b', 'b');
    const second = await PolicyKeeper.open({ path, isRequired: false }, ABOUT, log, memory);
    expect(namesOf(second)).toContain('a');
    // A file that was in force and is gone is a mistake, too.
    rmSync(path);
    const third = await PolicyKeeper.open({ path, isRequired: false }, ABOUT, log, memory);
    expect(namesOf(third)).toContain('a');
    write('c');
    const fourth = await PolicyKeeper.open({ path, isRequired: false }, ABOUT, log, memory);
    expect(namesOf(fourth)).toContain('c');
    expect(memory.last?.text).toContain('name: c');
  });

  test('is refused at the start if it was another file that was in force', async () => {
    memory.keepPolicy({ path: `${path}-other`, text: 'version: 1\n' });
    write('b', 'b');
    await expect(
      PolicyKeeper.open({ path, isRequired: true }, ABOUT, log, memory),
    ).rejects.toBeInstanceOf(PolicyFileError);
  });

  test('stays when what the file says cannot be taken, and is exchanged when it can again', async () => {
    write('a');
    const keeper = await PolicyKeeper.open({ path, isRequired: true }, ABOUT, log, memory);
    const before = keeper.inForce.current;
    write('b', 'b');
    await expect(keeper.reload()).rejects.toBeInstanceOf(PolicyFileError);
    expect(keeper.inForce.current).toBe(before);
    write('b');
    await keeper.reload();
    expect(namesOf(keeper)).toContain('b');
  });

  test('stays after a restart that names another file, if that cannot be taken', async () => {
    write('a');
    await PolicyKeeper.open({ path, isRequired: true }, ABOUT, log, memory);
    const other = { path: `${path}.other`, isRequired: true };
    const keeper = await PolicyKeeper.open(other, ABOUT, log, memory);
    expect(namesOf(keeper)).toContain('a');
    expect(memory.last?.path).toBe(path);
  });

  test('stays when its file is gone: that is no wish for the built-in one, which gives more', async () => {
    write('a');
    const keeper = await PolicyKeeper.open({ path, isRequired: false }, ABOUT, log, memory);
    rmSync(path);
    await expect(keeper.reload()).rejects.toThrow('there is no such file');
    expect(namesOf(keeper)).toContain('a');
  });

  test('comes from the file that was made since, where none was named', async () => {
    const keeper = await PolicyKeeper.open({ path, isRequired: false }, ABOUT, log, memory);
    write('a');
    await keeper.reload();
    expect(keeper.inForce.current.source).toBe(path);
  });

  test('is reloaded once more for those who ask during a reload, however many they are', async () => {
    write('a');
    const keeper = await PolicyKeeper.open({ path, isRequired: true }, ABOUT, log, memory);
    const first = keeper.reload();
    await Promise.resolve();
    write('b');
    const others = await Promise.all([keeper.reload(), keeper.reload(), keeper.reload()]);
    expect(new Set(others).size).toBe(1);
    expect(others[0]).not.toBe(await first);
    expect(namesOf(keeper)).toContain('b');
  });

  test('needs neither YAML nor schemas in memory where there is no file', () => {
    const module = require.resolve('../../../../server/policy/policy-keeper');
    const script = `
      const { PolicyKeeper } = require(${JSON.stringify(module)});
      const loaded = () => Object.keys(require.cache).filter((path) => /node_modules.(yaml|valibot)/.test(path)).length;
      const log = { info() {} };
      const memory = { last: null, keepPolicy() {}, forgetPolicy() {} };
      PolicyKeeper.open({ path: ${JSON.stringify(path)}, isRequired: false }, ${JSON.stringify(ABOUT)}, log, memory)
        .then(() => console.log(loaded()))
        .then(() => require('node:fs').writeFileSync(${JSON.stringify(path)}, '{ version: 1, default: deny }'))
        .then(() => PolicyKeeper.open({ path: ${JSON.stringify(path)}, isRequired: true }, ${JSON.stringify(ABOUT)}, log, memory))
        .then(() => console.log(loaded() > 0));
    `;
    expect(execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' })).toBe('0\ntrue\n');
  });
});
