import { resolve } from 'node:path';
import {
  defaultPolicyFile,
  defaultRuntimeDirectory,
  parseBytes,
  parseConfig,
} from '../../../server/config';

const AROUND = { version: '1', environment: {}, memoryBytes: 1000 };
const parse = (...flags: string[]) => parseConfig(['node', 'dmabufd', ...flags], AROUND);

describe('the command line', () => {
  test('has defaults for everything', () => {
    expect(parse('--runtime-dir', '/tmp/x')).toEqual({
      runtimeDirectory: '/tmp/x',
      socketMode: 0o660,
      logLevel: 'info',
      maxBytes: 500,
      maxBufferBytes: 500,
      slowWaitMs: 1000,
      policy: { path: defaultPolicyFile(AROUND.environment), isRequired: false },
    });
  });

  test('takes sizes with units', () => {
    expect(['1', '2K', '3M', '4GiB'].map(parseBytes)).toEqual([1, 2048, 3 * 2 ** 20, 4 * 2 ** 30]);
  });

  test.each(['0', '-1', '1.5', '1e3', 'x', '', '99999999T'])('refuses the size %j', (value) => {
    expect(() => parseBytes(value)).toThrow('It must be a number of bytes from 1');
  });

  test('lets no buffer be larger than all together', () => {
    expect(parse('--max-bytes', '4K', '--max-buffer-bytes', '1M').maxBufferBytes).toBe(4096);
  });

  test.each([
    ['--runtime-dir', 'x', 'absolute path'],
    ['--socket-mode', '0999', 'octal'],
    ['--max-sessions', '0', 'from 1 to 65536'],
    ['--max-buffers', '1.5', 'from 1 to 1048576'],
    ['--log-level', 'loud', 'Allowed choices'],
    ['--slow-wait-ms', '1s', 'milliseconds from 1 to 86400000'],
    ['--nonsense', '1', 'unknown option'],
  ])('refuses %s %s, naming the flag, and ends with 2', (flag, value, reason) => {
    const written: string[] = [];
    jest
      .spyOn(process.stderr, 'write')
      .mockImplementation((text) => written.push(String(text)) > 0);
    const exit = jest.spyOn(process, 'exit').mockImplementation((code) => {
      throw new Error(`exit ${code}`);
    });
    expect(() => parse(flag, value)).toThrow('exit 2');
    expect(written.join('')).toContain(flag);
    expect(written.join('')).toContain(reason);
    exit.mockRestore();
    jest.restoreAllMocks();
  });

  test('takes a policy file that must exist, or none', () => {
    expect(parse('--policy', '/etc/p.yaml').policy).toEqual({
      path: '/etc/p.yaml',
      isRequired: true,
    });
    expect(parse('--no-policy').policy).toBeNull();
    expect(parse('--no-policy', '--policy', './p.yaml').policy).toEqual({
      path: resolve('p.yaml'),
      isRequired: true,
    });
    expect(parse('--check-policy', 'p.yaml').checkPolicy).toBe(resolve('p.yaml'));
  });

  test('looks for a policy with the service, then the system’s or the user’s own', () => {
    const isRoot = process.geteuid?.() === 0;
    const home = { HOME: '/home/a' };
    expect(defaultPolicyFile({ ...home, CONFIGURATION_DIRECTORY: '/etc/a:/etc/b' })).toBe(
      '/etc/a/policy.yaml',
    );
    expect(defaultPolicyFile({ ...home, XDG_CONFIG_HOME: '/home/a/c' })).toBe(
      isRoot ? '/etc/dmabufd/policy.yaml' : '/home/a/c/dmabufd/policy.yaml',
    );
    expect(defaultPolicyFile({ ...home, XDG_CONFIG_HOME: 'relative' })).toBe(
      isRoot ? '/etc/dmabufd/policy.yaml' : '/home/a/.config/dmabufd/policy.yaml',
    );
  });

  test('prefers the directory of the service, then the user’s own', () => {
    const isRoot = process.geteuid?.() === 0;
    const environment = { RUNTIME_DIRECTORY: '/run/a:/run/b', XDG_RUNTIME_DIR: '/run/user/1' };
    expect(defaultRuntimeDirectory(environment)).toBe('/run/a');
    expect(defaultRuntimeDirectory({ XDG_RUNTIME_DIR: '/run/user/1' })).toBe(
      isRoot ? '/run/dmabufd' : '/run/user/1/dmabufd',
    );
  });
});
