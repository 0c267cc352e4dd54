import { chownSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Broker, connect, type SharedBuffer } from '../../client';
import { DaemonProcess } from './daemon-process';
import { DmabufctlProcess, dmabufctl, type Outcome } from './dmabufctl-process';
import { eventually } from './slowness';

const SIZE = 8192;
/** Only root may give a file to a group that it is not in. */
const OTHER_GROUP = process.getuid?.() === 0 ? 4321 : (process.getgid?.() ?? 0);

let daemon: DaemonProcess;
let broker: Broker;
let buffer: SharedBuffer;
let directory: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'dmabufctl-e2e-'));
  daemon = await DaemonProcess.start('--max-bytes', '16M');
  broker = await connect({ runtimeDirectory: daemon.runtimeDirectory });
  buffer = await broker.allocate({ sizeBytes: SIZE, label: 'on show' });
  await buffer.share({ name: 'show/room' });
  await buffer.write(0, Buffer.from('hello from the test'));
});
afterAll(async () => {
  await broker?.close();
  await daemon?.[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true, force: true });
});

const run = (...args: string[]) => dmabufctl(daemon, ...args);
const json = (outcome: Outcome): unknown => {
  expect(outcome).toMatchObject({ exitCode: 0, stderr: '' });
  expect(outcome.stdout.trimEnd()).not.toContain('\n');
  return JSON.parse(outcome.stdout);
};

describe('dmabufctl', () => {
  test('cdi prints what gives a container the sockets, and the group that may connect to them', async () => {
    chownSync(join(daemon.runtimeDirectory, 'fd.sock'), process.getuid?.() ?? 0, OTHER_GROUP);
    const spec = json(await run('--json', 'cdi'));
    expect(spec).toEqual({
      cdiVersion: '0.7.0',
      kind: 'dmabufd.dev/broker',
      devices: [
        {
          name: 'default',
          containerEdits: {
            env: ['DMABUFD_RUNTIME_DIR=/run/dmabufd'],
            mounts: [
              {
                hostPath: daemon.runtimeDirectory,
                containerPath: '/run/dmabufd',
                options: ['bind', 'ro', 'nosuid', 'nodev', 'noexec'],
              },
            ],
            ...(OTHER_GROUP === 0 ? {} : { additionalGids: [OTHER_GROUP] }),
          },
        },
      ],
    });
    const { stdout } = await run('cdi');
    expect(JSON.parse(stdout)).toEqual(spec);
    const nowhere = await dmabufctl(null, '--runtime-dir', directory, 'cdi');
    expect(nowhere).toMatchObject({
      exitCode: 3,
      stderr: expect.stringContaining('start dmabufd'),
    });
  });

  test('heaps lists what memory there is', async () => {
    const { exitCode, stdout } = await run('heaps');
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^HEAP +KIND +MEMORY +LARGEST +CAN\n\S+ \* /);
    const isMemfd = buffer.description.memory === 'memfd';
    expect(/no dma-bufs: no device can import them/.test(stdout)).toBe(isMemfd);
    expect(json(await run('--json', 'heaps'))).toContainEqual(
      expect.objectContaining({
        name: buffer.description.heap,
        isDefault: true,
        unavailableReason: null,
      }),
    );
  });

  test('list lists all buffers', async () => {
    const { stdout } = await run('list');
    expect(stdout).toMatch(/^ID +SIZE +HEAP +MEMORY +LEASES +AGE +LABEL\n/m);
    expect(stdout).toMatch(/ 8\.0 KiB .* 1 .* on show\n\n1 buffer, 8\.0 KiB\n$/);
    expect(json(await run('list', '--json'))).toMatchObject([
      { id: buffer.id, sizeBytes: SIZE, label: 'on show', leaseCount: 1 },
    ]);
  });

  test('show tells who holds a buffer and who accesses it', async () => {
    await buffer.access('write', async () => {
      const { stdout } = await run('show', String(buffer.id));
      expect(stdout).toContain('size:   8.0 KiB (8192)\n');
      expect(stdout).toMatch(
        new RegExp(`${broker.sessionId} +${process.pid} \\(.*read-write, owner`),
      );
      expect(stdout).toMatch(/holds, writing/);
      expect(json(await run('--json', 'show', String(buffer.id)))).toMatchObject({
        buffer: { id: buffer.id },
        leases: [{ isOwner: true, peer: { pid: process.pid } }],
        cpuAccesses: [{ held: true, writes: true }],
      });
    });
    expect((await run('show', String(buffer.id))).stdout).toContain('nobody accesses it');
  });

  test('status tells what the daemon is and holds', async () => {
    const { stdout } = await run('status');
    expect(stdout).toMatch(new RegExp(`^pid: +${daemon.pid}$`, 'm'));
    expect(stdout).toMatch(/^buffers: +1, 8\.0 KiB \(8192\)$/m);
    expect(json(await run('status', '--json'))).toMatchObject({
      runtimeDirectory: daemon.runtimeDirectory,
      pid: daemon.pid,
      callerIsAdministrator: true,
      totals: { sessions: 1, buffers: 1, chargedBytes: SIZE },
    });
  });

  test('read copies bytes to stdout or a file', async () => {
    expect(await run('read', 'show/room', '--length', '5')).toEqual({
      exitCode: 0,
      stdout: 'hello',
      stderr: '',
    });
    const output = join(directory, 'read');
    const outcome = await run(
      '--json',
      'read',
      'show/room',
      '--offset',
      '6',
      '--length',
      '4',
      '--output',
      output,
    );
    expect(json(outcome)).toEqual({ bufferId: buffer.id, offset: 6, lengthBytes: 4, output });
    expect(readFileSync(output, 'utf8')).toBe('from');
  });

  test('write copies a file or stdin into a buffer', async () => {
    const input = join(directory, 'input');
    writeFileSync(input, 'from a file');
    const { stdout } = await run('write', 'show/room', '--input', input, '--offset', '4K');
    expect(stdout).toBe(`wrote 11 B into buffer ${buffer.id} at 4096\n`);
    expect(Buffer.from(await buffer.read(4096, 11)).toString()).toBe('from a file');
    const piped = new DmabufctlProcess(
      daemon,
      ['write', 'show/room', '--input', '-', '--offset', '100'],
      'piped',
    );
    expect((await piped.outcome()).exitCode).toBe(0);
    expect(Buffer.from(await buffer.read(100, 5)).toString()).toBe('piped');
  });

  test('allocate holds a published buffer until it is told to end', async () => {
    await using holder = new DmabufctlProcess(daemon, [
      ...['--json', 'allocate', '64K', '--label', 'held', '--publish', 'held/buffer'],
      ...['--access', 'read', '--ttl', '1h', '--max-uses', '2'],
    ]);
    const told: unknown = JSON.parse(await holder.prints(/\n/));
    expect(told).toMatchObject({
      buffer: { sizeBytes: 65536, label: 'held' },
      grant: { name: 'held/buffer', access: 'read', maxUses: 2 },
    });
    await (await broker.open({ name: 'held/buffer' })).release();
    expect(await holder.signal('SIGTERM')).toMatchObject({ exitCode: 0, stderr: '' });
    await expect(broker.open({ name: 'held/buffer' })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  test('allocate writes a secret to a file for its owner only, and read takes it from there', async () => {
    const secretFile = join(directory, 'secret');
    await using holder = new DmabufctlProcess(daemon, [
      'allocate',
      '4096',
      '--secret-file',
      secretFile,
    ]);
    expect(await holder.prints(/secret in/)).not.toMatch(/[0-9a-f]{64}/);
    expect(statSync(secretFile).mode & 0o777).toBe(0o600);
    const outcome = await run('read', '--secret-file', secretFile, '--length', '4');
    expect(outcome).toMatchObject({ exitCode: 0, stdout: '\0\0\0\0' });
    const fromStdin = ['read', '--secret-file', '-', '--length', '1'];
    const piped = new DmabufctlProcess(daemon, fromStdin, readFileSync(secretFile, 'utf8'));
    expect(await piped.outcome()).toMatchObject({ exitCode: 0, stdout: '\0' });
  });

  test('allocate -- PROGRAM gives the program the buffer’s fd, and exits as it does', async () => {
    const script =
      'ls -l /proc/self/fd/3 >/dev/null && echo "$DMABUFD_BUFFER_SIZE $DMABUFD_BUFFER_FD"; exit 42';
    const { exitCode, stdout } = await run('allocate', '8192', '--', 'sh', '-c', script);
    expect(stdout).toContain('\n8192 3\n');
    expect(exitCode).toBe(42);
    expect(await run('allocate', '8192', '--', '/no/such/program')).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('cannot run /no/such/program'),
    });
  });

  test('open holds a lease for a while', async () => {
    const { exitCode, stdout } = await run('open', 'show/room', '--for', '10ms');
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^label: +on show$/m);
    expect(json(await run('--json', 'open', 'show/room', '--for', '0'))).toMatchObject({
      buffer: { id: buffer.id, isOwner: false },
    });
  });

  test('share publishes a buffer of somebody else, for an administrator', async () => {
    const args = ['share', String(buffer.id), '--publish', 'shared/late'];
    await using holder = new DmabufctlProcess(daemon, args);
    await holder.prints(/published as: shared\/late/);
    expect(await run('read', 'shared/late', '--length', '5')).toMatchObject({ stdout: 'hello' });
    expect((await holder.signal('SIGINT')).exitCode).toBe(0);
  });

  test('watch prints one event a line, and --json one document a line', async () => {
    await using text = new DmabufctlProcess(daemon, ['watch']);
    await using documents = new DmabufctlProcess(daemon, ['--json', 'watch']);
    // There is nothing on stdout before the first event: events are made until both have begun.
    const seen = Promise.all([
      text.prints(/cpu-access-ended/),
      documents.prints(/cpu-access-ended/),
    ]);
    let done = false;
    const making = eventually('both watch', async () => {
      await buffer.read(0, 1);
      return done ? true : undefined;
    });
    await seen;
    done = true;
    await making;
    const { exitCode, stdout } = await text.signal('SIGINT');
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(
      new RegExp(
        `#\\d+ +session ${broker.sessionId} +cpu-access-ended +buffer ${buffer.id}, reading`,
      ),
    );
    const lines = (await documents.signal('SIGTERM')).stdout.trimEnd().split('\n');
    for (const line of lines) expect(JSON.parse(line)).toMatchObject({ bufferId: buffer.id });
  });

  test('doctor tells what there is, what is missing, and what to do about it', async () => {
    const { exitCode, stdout } = await run('doctor');
    expect(stdout).toMatch(/^ok +daemon +\S+, pid \d+/m);
    expect(stdout).toMatch(/^ok +memfd/m);
    expect(exitCode).toBe(0);
    const findings = json(await run('--json', 'doctor'));
    expect(findings).toContainEqual({
      what: 'daemon',
      state: 'good',
      found: expect.any(String),
      advice: null,
    });
  });
});

describe('dmabufctl exits with', () => {
  test.each([
    [2, ['allocate', '0'], /sizeBytes: 0: must be/],
    [2, ['allocate', '4096', '--label', 'x'.repeat(32)], /label/],
    [2, ['read', 'show/room', '--offset', '1G'], /offset 1073741824/],
    [2, ['no-such-command'], /unknown command/],
    [4, ['show', '999999'], /999999/],
    [4, ['open', 'nobody/knows'], /.+/],
    [1, ['share', '1', '--publish', 'show/room'], /show\/room/],
    [2, ['allocate', '17M'], /size_bytes.*17825792.*16777216/],
  ])('%i for %j, with a reason', async (code, args, reason) => {
    const { exitCode, stdout, stderr } = await run(...args);
    expect({ exitCode, stderr }).toEqual({ exitCode: code, stderr: expect.stringMatching(reason) });
    expect(stdout).toBe('');
  });

  test('6 when a quota is reached, and says which', async () => {
    await using _most = await broker.allocate({ sizeBytes: 15 * 1024 * 1024 });
    const { exitCode, stderr } = await run('allocate', '2M');
    expect({ exitCode, stderr }).toEqual({
      exitCode: 6,
      stderr: expect.stringMatching(/16777216/),
    });
  });

  test('3 when there is no daemon, and says where it looked', async () => {
    for (const command of [['status'], ['allocate', '4096']]) {
      expect(await dmabufctl(null, ...command)).toMatchObject({
        exitCode: 3,
        stderr: expect.stringMatching(/^dmabufctl: no dmabufd at \/nonexistent\//),
      });
    }
    expect((await dmabufctl(null, 'doctor')).exitCode).toBe(1);
  });

  test('7 when it took too long, and says who has it', async () => {
    await buffer.access('write', async () => {
      const { exitCode, stderr } = await run('--timeout', '5s', 'read', 'show/room');
      expect(exitCode).toBe(7);
      expect(stderr).toContain(String(process.pid));
    });
  });

  test('the reason as JSON on stderr with --json', async () => {
    const { stderr } = await run('--json', 'show', '999999');
    expect(JSON.parse(stderr)).toEqual({
      error: { code: 'NOT_FOUND', message: expect.stringContaining('999999') },
    });
  });

  test('0 for --help, which lists the commands and the exit codes', async () => {
    const { exitCode, stdout } = await run('--help');
    expect(exitCode).toBe(0);
    for (const name of [
      'heaps',
      'list',
      'show',
      'allocate',
      'share',
      'open',
      'read',
      'write',
      'watch',
      'policy',
      'status',
      'doctor',
    ]) {
      expect(stdout).toMatch(new RegExp(`^  ${name}\\b`, 'm'));
    }
    expect(stdout).toContain('3  the daemon cannot be reached');
  });
});
