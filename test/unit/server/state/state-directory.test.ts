import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { StateDirectory } from '../../../../server/state/state-directory';

let parent: string;
let path: string;

beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'dmabufd-state-'));
  path = join(parent, 'state');
});
afterEach(() => rmSync(parent, { recursive: true }));

const FACT = { id: 7, account: 'uid 1000', label: 'größer "als" \n' };

/** What is read back; `not believed` for a file with a problem. */
function read(): Record<string, unknown> {
  const entries = StateDirectory.open(path).read();
  return Object.fromEntries(
    entries.map((entry) => [entry.name, 'value' in entry ? entry.value : 'not believed']),
  );
}

describe('the state directory', () => {
  test('gives back what was put last, and nothing that was dropped', () => {
    const directory = StateDirectory.open(path);
    directory.put('buffer-7', { ...FACT, id: 6 });
    directory.put('buffer-7', FACT);
    directory.put('buffer-8', FACT);
    directory.drop('buffer-8');
    directory.drop('buffer-9');
    expect(read()).toEqual({ 'buffer-7': FACT });
  });

  test('is for nobody else to look into', () => {
    StateDirectory.open(path).put('grant-1', FACT);
    expect(statSync(path).mode & 0o777).toBe(0o700);
    expect(statSync(join(path, 'grant-1')).mode & 0o777).toBe(0o600);
  });

  test('believes no file that was changed in any byte', () => {
    const directory = StateDirectory.open(path);
    directory.put('lease-1-2', FACT);
    const whole = readFileSync(join(path, 'lease-1-2'));
    const at = fc.nat(whole.length - 2);
    void fc.assert(
      fc.property(at, fc.integer({ min: 1, max: 255 }), (index, difference) => {
        const changed = Buffer.from(whole);
        changed.writeUInt8(changed.readUInt8(index) ^ difference, index);
        writeFileSync(join(path, 'lease-1-2'), changed);
        expect(read()).toEqual({ 'lease-1-2': 'not believed' });
      }),
    );
  });

  test('believes no file that was cut, or is none of its own', () => {
    const directory = StateDirectory.open(path);
    directory.put('lease-1-2', FACT);
    const whole = readFileSync(join(path, 'lease-1-2'));
    for (let length = 0; length < whole.length - 1; length += 1) {
      writeFileSync(join(path, 'lease-1-2'), whole.subarray(0, length));
      expect(read()).toEqual({ 'lease-1-2': 'not believed' });
    }
    mkdirSync(join(path, 'lease-3-4'));
    expect(read()).toMatchObject({ 'lease-3-4': 'not believed' });
    directory.clear('lease-3-4');
    expect(readdirSync(path)).toEqual(['lease-1-2']);
  });

  test('says which version it cannot read', () => {
    const directory = StateDirectory.open(path);
    directory.put('ids', FACT);
    const later = readFileSync(join(path, 'ids'), 'utf8').replace(' 1 ', ' 2 ');
    writeFileSync(join(path, 'ids'), later);
    expect(directory.read()).toEqual([
      { name: 'ids', problem: 'it is of version 2; this daemon reads version 1' },
    ]);
  });

  test('drops what was being written when the process died', () => {
    StateDirectory.open(path);
    writeFileSync(join(path, 'buffer-1.new'), 'dmabufd-st');
    expect(read()).toEqual({});
    expect(readdirSync(path)).toEqual([]);
  });

  test('tells for how many files there is room', () => {
    expect(StateDirectory.open(path).capacity).toBeGreaterThan(0);
  });

  test.each<[string, () => void, RegExp]>([
    ['a symbolic link', () => symlinkSync(parent, path), /it is a symbolic link/],
    ['a file', () => writeFileSync(path, ''), /cannot be created: .*EEXIST/],
    [
      'one that others can enter',
      () => {
        mkdirSync(path);
        chmodSync(path, 0o750);
      },
      /its mode 750 lets others in: chmod 700 /,
    ],
    ['one in a file', () => writeFileSync(`${path}-file`, ''), /.*/],
  ])('is refused if it is %s', (what, make, message) => {
    make();
    const given = what === 'one in a file' ? `${path}-file/state` : path;
    expect(() => StateDirectory.open(given)).toThrow(message);
  });
});
