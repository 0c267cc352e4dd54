import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openRuntimeDirectory } from '../../../../server/runtime/runtime-directory';
import { fakeFd } from '../fake-fd';

/** Sockets are plain files here, and the lock is whoever's it is said to be. */
function fakeAddon(holderPid: number | null = null) {
  return {
    lockFile: () => (holderPid === null ? { fd: fakeFd(), holderPid } : { fd: null, holderPid }),
    listenUnix(_type: string, path: string) {
      writeFileSync(path, '', { flag: 'wx' });
      return fakeFd();
    },
  };
}

describe('the runtime directory', () => {
  let parent: string;
  beforeEach(() => {
    parent = mkdtempSync(join(tmpdir(), 'dmabufd-run-'));
  });
  afterEach(() => rmSync(parent, { recursive: true }));

  const open = (path: string, holderPid: number | null = null) =>
    openRuntimeDirectory(fakeAddon(holderPid), path, 0o660);

  test('is made if it is missing, and nobody else can write in it', () => {
    const path = join(parent, 'a', 'b');
    open(path).release();
    expect(statSync(path).mode & 0o022).toBe(0);
  });

  test('is left without sockets when it is given back', () => {
    const directory = open(parent);
    expect(existsSync(join(parent, 'control.sock'))).toBe(true);
    directory.release();
    expect(existsSync(join(parent, 'control.sock'))).toBe(false);
    expect(existsSync(join(parent, 'fd.sock'))).toBe(false);
  });

  test('whose sockets a dead daemon left is taken over', () => {
    for (const name of ['control.sock', 'fd.sock']) writeFileSync(join(parent, name), 'stale');
    expect(() => open(parent)).not.toThrow();
  });

  test('that a live daemon holds is refused with its pid, and its sockets stay', () => {
    writeFileSync(join(parent, 'fd.sock'), 'live');
    expect(() => open(parent, 4711)).toThrow(`a dmabufd runs in ${parent} already: pid 4711`);
    expect(existsSync(join(parent, 'fd.sock'))).toBe(true);
  });

  test('is refused if it is a symbolic link', () => {
    mkdirSync(join(parent, 'real'));
    symlinkSync(join(parent, 'real'), join(parent, 'link'));
    expect(() => open(join(parent, 'link'))).toThrow('it is a symbolic link');
  });

  test('is refused if it is no directory', () => {
    writeFileSync(join(parent, 'file'), '');
    expect(() => open(join(parent, 'file'))).toThrow('file');
  });

  test('is refused if others can write in it, and says how to change that', () => {
    chmodSync(parent, 0o770);
    expect(() => open(parent)).toThrow(
      `its mode 770 lets others write in it: chmod go-w ${parent}`,
    );
  });

  test('is refused if its sockets’ paths are too long for Linux', () => {
    const path = join(parent, 'x'.repeat(100));
    expect(() => open(path)).toThrow('Linux takes at most 107');
    expect(existsSync(path)).toBe(false);
  });
});
