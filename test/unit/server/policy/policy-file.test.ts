import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MAX_FILE_BYTES, readPolicyFile } from '../../../../server/policy/policy-file';

const OWN_UID = process.geteuid?.() ?? 0;
const asRoot = OWN_UID === 0 ? test : test.skip;

describe('a policy file', () => {
  let directory: string;
  let path: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'dmabufd-policy-'));
    path = join(directory, 'policy.yaml');
    writeFileSync(path, 'version: 1\n', { mode: 0o644 });
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  test('of the daemon’s own user is read', async () => {
    expect(await readPolicyFile(path, OWN_UID)).toBe('version: 1\n');
  });

  test('may be found by a symbolic link', async () => {
    const link = join(directory, 'link.yaml');
    symlinkSync(path, link);
    expect(await readPolicyFile(link, OWN_UID)).toBe('version: 1\n');
  });

  test('need not exist', async () => {
    expect(await readPolicyFile(join(directory, 'none'), OWN_UID)).toBeNull();
  });

  test.each([0o664, 0o646])('with mode %o is refused: others could change it', async (mode) => {
    chmodSync(path, mode);
    await expect(readPolicyFile(path, OWN_UID)).rejects.toThrow(
      `${path}: its mode ${mode.toString(8)} lets others write it: chmod go-w it`,
    );
  });

  asRoot('of another user is refused, also behind a link', async () => {
    const link = join(directory, 'link.yaml');
    symlinkSync(path, link);
    chownSync(path, 4001, 4001);
    await expect(readPolicyFile(link, 500)).rejects.toThrow(
      `${link}: it belongs to uid 4001: it must belong to root or uid 500`,
    );
  });

  asRoot('of root is read by a daemon of another user', async () => {
    expect(await readPolicyFile(path, 500)).toBe('version: 1\n');
  });

  test('that is a FIFO is refused, without waiting for a writer', async () => {
    const fifo = join(directory, 'fifo');
    execFileSync('mkfifo', [fifo]);
    await expect(readPolicyFile(fifo, OWN_UID)).rejects.toThrow('it is not a regular file');
  });

  test('that is a directory is refused', async () => {
    mkdirSync(join(directory, 'd'));
    await expect(readPolicyFile(join(directory, 'd'), OWN_UID)).rejects.toThrow(
      'it is not a regular file',
    );
  });

  test('below a file is refused, and is not taken for one that is not there', async () => {
    await expect(readPolicyFile(join(path, 'x'), OWN_UID)).rejects.toThrow(
      'open failed with ENOTDIR',
    );
  });

  test('is read up to a limit, and refused above', async () => {
    writeFileSync(path, '#'.repeat(MAX_FILE_BYTES));
    expect(await readPolicyFile(path, OWN_UID)).toHaveLength(MAX_FILE_BYTES);
    writeFileSync(path, '#'.repeat(MAX_FILE_BYTES + 1));
    await expect(readPolicyFile(path, OWN_UID)).rejects.toThrow(
      `it is longer than ${MAX_FILE_BYTES} bytes`,
    );
  });

  test('that is not UTF-8 is refused', async () => {
    writeFileSync(path, Uint8Array.of(0x61, 0xff));
    await expect(readPolicyFile(path, OWN_UID)).rejects.toThrow('it is not UTF-8');
  });
});
