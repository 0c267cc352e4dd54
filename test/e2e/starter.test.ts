import { execFileSync, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundle } from '../../packaging/bundle';
import { projectRoot } from '../jest-run';

/** Says what V8 made of the cache that it was given. */
const WITNESS = `
const vm = require('node:vm');
vm.Script = class extends vm.Script {
  constructor(...of) {
    super(...of);
    console.error('rejected: ' + this.cachedDataRejected);
  }
};`;

test('a package is not made of what has been changed since it was compiled', async () => {
  const project = mkdtempSync(join(tmpdir(), 'dmabufd-sources-'));
  try {
    for (const part of [
      'client',
      'native/index.ts',
      'package.json',
      'packaging',
      'proto',
      'server',
    ]) {
      cpSync(join(projectRoot, part), join(project, part), { recursive: true });
    }
    symlinkSync(join(projectRoot, 'node_modules'), join(project, 'node_modules'));
    await expect(bundle(project, join(project, 'out'))).rejects.toThrow(
      /\.ts has been changed since it was compiled: npm run build first$/,
    );
  } finally {
    rmSync(project, { recursive: true, force: true });
  }
});

describe('the starter of a packaged program', () => {
  const place = mkdtempSync(join(tmpdir(), 'dmabufd-starter-'));
  const witness = join(place, 'witness.js');
  const directory = join(place, 'dist', 'server');
  const cache = join(directory, 'program.cache');
  const run = (...args: string[]) => {
    const command = ['--require', witness, join(directory, 'main.js'), ...args];
    const { status, stdout, stderr } = spawnSync(process.execPath, command, { encoding: 'utf8' });
    return { status, stdout, stderr };
  };
  const said = (what: string) => ({
    status: 0,
    stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    stderr: `rejected: ${what}\n`,
  });

  beforeAll(async () => {
    symlinkSync(join(projectRoot, 'native'), join(place, 'native'));
    copyFileSync(join(projectRoot, 'package.json'), join(place, 'package.json'));
    mkdirSync(join(place, 'dist'));
    await bundle(projectRoot, join(place, 'dist'));
    writeFileSync(witness, WITNESS);
  });
  beforeEach(() => rmSync(cache, { force: true }));
  afterAll(() => rmSync(place, { recursive: true, force: true }));

  test('starts it without a cache', () => {
    expect(run('--version')).toEqual(said('undefined'));
  });

  test('makes a cache, and starts it with that', () => {
    expect(run('--write-code-cache')).toEqual(said('undefined'));
    expect(run('--version')).toEqual(said('false'));
    expect(run('--no-such-option')).toMatchObject({ status: 2 });
  });

  test('takes its cache when it is executed as it is installed', () => {
    execFileSync(join(directory, 'main.js'), ['--write-code-cache']);
    const environment = { ...process.env, NODE_OPTIONS: `--require ${witness}` };
    const { stderr } = spawnSync(join(directory, 'main.js'), ['--version'], {
      env: environment,
      encoding: 'utf8',
    });
    expect(stderr).toBe('rejected: false\n');
  });

  test('starts it all the same with a cache that V8 does not take', () => {
    run('--write-code-cache');
    const withOtherFlags = spawnSync(
      process.execPath,
      ['--max-semi-space-size=1', '--require', witness, join(directory, 'main.js'), '--version'],
      { encoding: 'utf8' },
    );
    expect(withOtherFlags).toMatchObject(said('true'));
  });

  test.each([
    [
      'a page of it is zeros, as after a loss of power',
      (bytes: Buffer) => bytes.fill(0, 8192, 12_288),
    ],
    [
      'a byte of it is another',
      (bytes: Buffer) => bytes.fill(~bytes.readInt8(100_000), 100_000, 100_001),
    ],
    ['it is short', (bytes: Buffer) => bytes.subarray(0, bytes.length / 2)],
    ['it is empty', () => Buffer.alloc(0)],
  ])('does not offer V8 a cache that is not whole: %s', (_how, damage) => {
    run('--write-code-cache');
    writeFileSync(cache, damage(readFileSync(cache)));
    expect(run('--version')).toEqual(said('undefined'));
  });

  test('does not offer V8 the cache of another bundle, of which it would only compare the length', () => {
    run('--write-code-cache');
    const program = join(directory, 'program.js');
    const text = readFileSync(program, 'latin1');
    const other = text.startsWith('//0') ? '//1' : '//0';
    writeFileSync(program, other + text.slice(other.length), 'latin1');
    try {
      expect(run('--version')).toEqual(said('undefined'));
    } finally {
      writeFileSync(program, text, 'latin1');
    }
  });

  test.each([
    ['is empty', () => ''],
    ['ends with its digest', (text: string) => text.slice(0, 67)],
    ['ends in the middle', (text: string) => text.slice(0, text.length / 2)],
    ['has lost its end', (text: string) => text.slice(0, -3)],
  ])('fails if the program %s, instead of doing nothing', (_how, damage) => {
    const program = join(directory, 'program.js');
    const text = readFileSync(program, 'latin1');
    writeFileSync(program, damage(text), 'latin1');
    try {
      expect(run('--version')).toMatchObject({ status: 1, stdout: '' });
    } finally {
      writeFileSync(program, text, 'latin1');
    }
  });

  test('leaves the cache that there is if it cannot write a new one', () => {
    run('--write-code-cache');
    const before = readFileSync(cache);
    const isInTheWay = `${cache}.partial`;
    mkdirSync(isInTheWay);
    expect(run('--write-code-cache')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining(isInTheWay),
    });
    rmSync(isInTheWay, { recursive: true });
    expect(readFileSync(cache)).toEqual(before);
    expect(run('--version')).toEqual(said('false'));
  });
});
