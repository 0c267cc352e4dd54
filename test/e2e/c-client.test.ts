import { execFile } from 'node:child_process';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { FD_SOCKET_NAME } from '../../proto';
import { DaemonProcess } from './daemon-process';

const run = promisify(execFile);
// tsc copies no C: the source is where it was written.
const ROOT = dirname(require.resolve('../../../package.json'));
const SOURCE = join(ROOT, 'test', 'e2e', 'c-client', 'client.c');
const STRICT = ['-Wall', '-Wextra', '-Werror', '-I', join(ROOT, 'proto')];

describe('a client in C, with nothing but the header', () => {
  test('brings a buffer and fetches it: the same file, closed on exec', async () => {
    await using daemon = await DaemonProcess.start();
    const program = join(daemon.directory, 'client');
    await run('cc', ['-std=gnu11', ...STRICT, '-o', program, SOURCE]);
    const socket = join(daemon.runtimeDirectory, FD_SOCKET_NAME);
    // The first run has the daemon open what it keeps.
    await run(program, [socket]);
    const before = await daemon.totals();
    const { stdout } = await run(program, [socket]);
    expect(stdout).toMatch(/^session \d+, buffer \d+\n$/);
    await daemon.settlesAt({ ...before, sessions: 0, buffers: 0, leases: 0, chargedBytes: 0 });
  });

  test('could as well be one in C++', async () => {
    const header = ['-include', 'dmabufd_fd.h', '-x', 'c++', '/dev/null'];
    await run('c++', ['-std=c++17', ...STRICT, '-fsyntax-only', ...header]);
  });
});
