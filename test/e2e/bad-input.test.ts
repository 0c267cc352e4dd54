import { openSync } from 'node:fs';
import { join } from 'node:path';
import { type Broker, connect, type LedgerTotals, type SharedBuffer } from '../../client';
import { CallLimits } from '../../client/call-limits';
import { ControlConnection } from '../../client/control-connection';
import { encodeAdopt, encodeBufferIds, encodeFence } from '../../client/fd-protocol';
import addon, { type Fd } from '../../native';
import { CONTROL_SOCKET_NAME } from '../../proto';
import { Opcode } from '../../proto/fd-numbers';
import { DaemonProcess } from './daemon-process';
import { RawFdClient, type RawRequest } from './raw-fd-client';
import { eventually } from './slowness';

const SIZE = 4096;
const INVALID_ARGUMENT = 3;
const NOT_FOUND = 5;
const FAILED_PRECONDITION = 9;
const HUGE = '18446744073709551615';

let daemon: DaemonProcess;
/** Works beside each bad client, and must not notice. */
let honest: Broker;
let buffer: SharedBuffer;
let before: LedgerTotals;

beforeAll(async () => {
  daemon = await DaemonProcess.start();
  honest = await connect({ runtimeDirectory: daemon.runtimeDirectory });
  honest.on('disconnected', (error) => {
    throw error;
  });
  buffer = await honest.allocate({ sizeBytes: SIZE });
  await buffer.write(0, Buffer.from('warm'));
  before = await daemon.totals();
});
afterAll(async () => {
  await honest?.close();
  await daemon?.[Symbol.asyncDispose]();
});

afterEach(async () => {
  await buffer.write(0, Buffer.from('fine'));
  expect(Buffer.from(await buffer.read(0, 4)).toString()).toBe('fine');
});

describe('a bad call to control.sock is refused with field, value and limit', () => {
  let client: RawFdClient;
  let control: ControlConnection;
  let methods: ControlConnection['methods'];

  beforeAll(async () => {
    client = await RawFdClient.connect(daemon);
    const path = join(daemon.runtimeDirectory, CONTROL_SOCKET_NAME);
    control = new ControlConnection(path, client.token);
    methods = control.methods;
  });
  afterAll(async () => {
    control.close();
    client[Symbol.dispose]();
    await eventually('the bad client is gone', async () =>
      (await daemon.totals()).sessions === before.sessions ? true : undefined,
    );
  });

  const limits = () => new CallLimits();
  const refused = (code: string, message: RegExp) => ({
    code,
    message: expect.stringMatching(message),
  });

  test.each([
    ['a size of 0', { sizeBytes: 0 }, /size_bytes.* 0\b.*1/],
    ['a size beyond all limits', { sizeBytes: HUGE }, /size_bytes.*18446744073709551615/],
    [
      'a size over the daemon’s limit',
      { sizeBytes: 2 ** 52 },
      /size_bytes.*4503599627370496.*\d{6}/,
    ],
    ['an unknown heap', { sizeBytes: SIZE, heap: 'no-such' }, /heap.*no-such/],
    ['a label of 32 bytes', { sizeBytes: SIZE, label: 'x'.repeat(32) }, /label.*32.*31/],
    [
      'a label of 16 letters but 32 bytes',
      { sizeBytes: SIZE, label: 'ä'.repeat(16) },
      /label.*32.*31/,
    ],
    ['a label with a control character', { sizeBytes: SIZE, label: 'a\nb' }, /label.*control/],
  ])('AllocateBuffer: %s', async (_what, request, message) => {
    const call = control.call(methods.buffers.AllocateBuffer, request, limits());
    await expect(call).rejects.toMatchObject(refused('INVALID_ARGUMENT', message));
  });

  test('a size that is not whole pages is rounded up by the kernel, not refused', async () => {
    const { buffer: allocated } = await control.call(
      methods.buffers.AllocateBuffer,
      { sizeBytes: 1 },
      limits(),
    );
    expect(Number(allocated?.sizeBytes)).toBe(4096);
    const released = { bufferId: allocated?.id ?? 0 };
    await control.call(methods.buffers.ReleaseBuffer, released, limits());
  });

  test.each([
    ['GetBuffer', () => control.call(methods.buffers.GetBuffer, { bufferId: 999_999 }, limits())],
    [
      'GetBuffer of 2^64 - 1',
      () => control.call(methods.buffers.GetBuffer, { bufferId: HUGE }, limits()),
    ],
    [
      'ReleaseBuffer',
      () => control.call(methods.buffers.ReleaseBuffer, { bufferId: 999_999 }, limits()),
    ],
    [
      'GetBufferSize',
      () => control.call(methods.buffers.GetBufferSize, { bufferId: 999_999 }, limits()),
    ],
    [
      'ShareBuffer',
      () => control.call(methods.shares.ShareBuffer, { bufferId: 999_999 }, limits()),
    ],
    ['RevokeGrant', () => control.call(methods.shares.RevokeGrant, { grantId: 999_999 }, limits())],
    [
      'EndCpuAccess',
      () => control.call(methods.accesses.EndCpuAccess, { bufferId: 999_999 }, limits()),
    ],
    [
      'BeginCpuAccess',
      () =>
        control.call(
          methods.accesses.BeginCpuAccess,
          { bufferId: 999_999, mode: 'CPU_ACCESS_MODE_READ' },
          limits(),
        ),
    ],
  ])('%s: an unknown id is not found', async (_method, call) => {
    await expect(call()).rejects.toMatchObject(
      refused('NOT_FOUND', /999999|18446744073709551615|Infinity/),
    );
  });

  test.each([
    [
      'GetBuffer',
      () => control.call(methods.buffers.GetBuffer, { bufferId: 0 }, limits()),
      /buffer_id.*0/,
    ],
    [
      'RevokeGrant',
      () => control.call(methods.shares.RevokeGrant, { grantId: 0 }, limits()),
      /grant_id.*0/,
    ],
    [
      'OpenBuffer by nothing',
      () => control.call(methods.shares.OpenBuffer, {}, limits()),
      /secret|name/,
    ],
    [
      'OpenBuffer by a short secret',
      () => control.call(methods.shares.OpenBuffer, { secret: Buffer.alloc(31) }, limits()),
      /secret.*31.*32/,
    ],
    [
      'ListBuffers: too large a page',
      () => control.call(methods.buffers.ListBuffers, { pageSize: 1001 }, limits()),
      /page_size.*1001.*1000/,
    ],
    [
      'ListBuffers: a strange token',
      () => control.call(methods.buffers.ListBuffers, { pageToken: 'x' }, limits()),
      /page_token/,
    ],
  ])('%s', async (_method, call, message) => {
    await expect(call()).rejects.toMatchObject(refused('INVALID_ARGUMENT', message));
  });

  describe('about a buffer that it has', () => {
    let bufferId: string;

    beforeAll(async () => {
      const request = { sizeBytes: SIZE };
      const response = await control.call(methods.buffers.AllocateBuffer, request, limits());
      bufferId = response.buffer?.id ?? '';
    });

    test.each([0, 7])('BeginCpuAccess in the mode %i', async (mode) => {
      const request: { bufferId: string; mode: 0 } = JSON.parse(JSON.stringify({ bufferId, mode }));
      const call = control.call(methods.accesses.BeginCpuAccess, request, limits());
      await expect(call).rejects.toMatchObject(refused('INVALID_ARGUMENT', /mode.*READ.*WRITE/));
    });

    test('an end without a begin, and a begin inside another', async () => {
      const { BeginCpuAccess, EndCpuAccess } = methods.accesses;
      const end = () => control.call(EndCpuAccess, { bufferId }, limits());
      const request = { bufferId, mode: 'CPU_ACCESS_MODE_READ' } as const;
      await expect(end()).rejects.toMatchObject(refused('FAILED_PRECONDITION', /access/));
      await control.call(BeginCpuAccess, request, limits());
      const nested = control.call(BeginCpuAccess, request, limits());
      await expect(nested).rejects.toMatchObject(refused('FAILED_PRECONDITION', /access/));
      await end();
      await expect(end()).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
    });

    test.each([
      ['a name that is none', { name: 'Not A Name' }, /name.*Not A Name/],
      ['a name that is too long', { name: 'x'.repeat(129) }, /name.*129.*128|name.*128/],
      ['no time to live', { timeToLive: { seconds: 0, nanos: 0 } }, /time_to_live.*0/],
      ['a negative time to live', { timeToLive: { seconds: -1, nanos: 0 } }, /time_to_live.*-1/],
      ['a cgroup that is no path', { audience: { cgroup: 'x' } }, /cgroup.*x/],
    ])('ShareBuffer with %s', async (_what, request, message) => {
      const whole = { bufferId, ...request };
      const call = control.call(methods.shares.ShareBuffer, whole, limits());
      await expect(call).rejects.toMatchObject(refused('INVALID_ARGUMENT', message));
    });
  });
});

describe('on fd.sock', () => {
  let client: RawFdClient;

  beforeEach(async () => {
    client = await RawFdClient.connect(daemon);
  });
  afterEach(async () => {
    client[Symbol.dispose]();
    await daemon.settlesAt(before);
  });

  const label = encodeAdopt('bad');

  describe('what breaks the protocol ends the connection with a reason', () => {
    const ids = encodeBufferIds([1]);

    test.each<[string, RawRequest, RegExp]>([
      ['an unknown opcode', { opcode: 99 }, /opcode 99/],
      ['an opcode that only the daemon sends', { opcode: Opcode.WELCOME }, /opcode 1\b/],
      ['an answer', { opcode: 0x8003, payload: ids }, /opcode 32771/],
      ['FETCH of nothing', { opcode: Opcode.FETCH }, /FETCH.*0 bytes.*8/],
      ['FETCH of half an id', { opcode: Opcode.FETCH, payload: ids.subarray(4) }, /FETCH.*4 bytes/],
      [
        'FETCH of 254 buffers',
        { opcode: Opcode.FETCH, payload: encodeBufferIds(Array(254).fill(1)) },
        /FETCH.*2032 bytes.*253/,
      ],
      ['ADOPT without an fd', { opcode: Opcode.ADOPT, payload: label }, /ADOPT.*0 fds.*1/],
      [
        'a fence of 15 bytes',
        { opcode: Opcode.EXPORT_FENCE, payload: new Uint8Array(15) },
        /15.*16/,
      ],
      ['a length that is not true', { opcode: 3, payload: ids, length: 1000 }, /length 1000.*24/],
      ['an fd count that is not true', { opcode: 3, payload: ids, fdCount: 1 }, /fd_count 1.*0/],
      ['a status in a request', { opcode: 3, payload: ids, status: 5 }, /status 5.*0/],
    ])('%s', async (_what, request, reason) => {
      client.send(request);
      expect(await client.reply()).toMatchObject({
        opcode: Opcode.GOODBYE,
        status: FAILED_PRECONDITION,
        reason: expect.stringMatching(reason),
      });
      await client.hungUp();
    });

    test.each([0, 1, 15])('a datagram of %i bytes', async (length) => {
      client.sendBytes(new Uint8Array(length));
      if (length > 0) {
        expect(await client.reply()).toMatchObject({
          reason: expect.stringContaining(`${length} byte`),
        });
      }
      await client.hungUp();
    });

    test('a datagram that is too large', async () => {
      client.sendBytes(new Uint8Array(8193));
      expect(await client.reply()).toMatchObject({ reason: expect.stringContaining('8192') });
      await client.hungUp();
    });

    test('two fds where one belongs', async () => {
      using first = await addon.createMemfd('first', SIZE);
      using second = await addon.createMemfd('second', SIZE);
      client.send({ opcode: Opcode.ADOPT, payload: label }, [first, second]);
      expect(await client.reply()).toMatchObject({ reason: expect.stringMatching(/2 fds.*1/) });
      await client.hungUp();
    });

    test('fds where none belongs: they are closed', async () => {
      using memfd = await addon.createMemfd('stray', SIZE);
      client.send({ opcode: Opcode.FETCH, payload: ids }, Array<Fd>(253).fill(memfd));
      expect(await client.reply()).toMatchObject({
        reason: expect.stringMatching(/fds that could not be received/),
      });
      await client.hungUp();
    });
  });

  describe('what is only wrong is answered, and the connection goes on', () => {
    afterEach(async () => {
      client.send({ opcode: Opcode.FETCH, payload: encodeBufferIds([1]), serial: 77 });
      expect(await client.reply()).toMatchObject({ serial: 77, status: NOT_FOUND });
    });

    test.each([
      ['FETCH', { opcode: Opcode.FETCH, payload: encodeBufferIds([4711]) }],
      ['RELEASE', { opcode: Opcode.RELEASE, payload: encodeBufferIds([4711]) }],
      ['EXPORT_FENCE', { opcode: Opcode.EXPORT_FENCE, payload: encodeFence(4711, 1) }],
    ])('%s of a buffer that it does not have', async (_what, request) => {
      client.send({ ...request, serial: 5 });
      expect(await client.reply()).toMatchObject({
        serial: 5,
        status: NOT_FOUND,
        reason: expect.stringContaining('4711'),
      });
    });

    test('FETCH of a buffer of somebody else is as if it did not exist', async () => {
      client.send({ opcode: Opcode.FETCH, payload: encodeBufferIds([buffer.id]) });
      expect(await client.reply()).toMatchObject({ status: NOT_FOUND, fds: [] });
    });

    test.each([
      ['a device', () => openSync('/dev/null', 'r+')],
      ['a file', () => openSync(join(daemon.directory, 'a-file'), 'w+')],
      ['a directory', () => openSync('/', 'r')],
    ])('ADOPT of %s', async (_what, open) => {
      using fd = addon.adoptFd(open());
      client.send({ opcode: Opcode.ADOPT, payload: label }, [fd]);
      expect(await client.reply()).toMatchObject({
        status: INVALID_ARGUMENT,
        reason: expect.stringMatching(/dma-buf/),
      });
    });

    test('ADOPT with a label that does not end', async () => {
      using memfd = await addon.createMemfd('endless', SIZE);
      client.send({ opcode: Opcode.ADOPT, payload: new Uint8Array(32).fill(97) }, [memfd]);
      expect(await client.reply()).toMatchObject({
        status: INVALID_ARGUMENT,
        reason: expect.stringMatching(/label.*31/),
      });
    });

    test('ADOPT with a label that is no UTF-8', async () => {
      using memfd = await addon.createMemfd('strange', SIZE);
      const strange = new Uint8Array(32);
      strange.set([0xff, 0xfe]);
      client.send({ opcode: Opcode.ADOPT, payload: strange }, [memfd]);
      expect(await client.reply()).toMatchObject({
        status: INVALID_ARGUMENT,
        reason: expect.stringMatching(/label.*UTF-8/),
      });
    });

    test('a fence with flags that are none', async () => {
      client.send({ opcode: Opcode.EXPORT_FENCE, payload: encodeFence(1, 8) });
      const { status, reason } = await client.reply();
      expect([INVALID_ARGUMENT, NOT_FOUND]).toContain(status);
      expect(reason).toMatch(/flags.*8|buffer 1\b/);
    });

    test('IMPORT_FENCE of an fd that is no sync_file', async () => {
      using memfd = await addon.createMemfd('no fence', SIZE);
      client.send({ opcode: Opcode.IMPORT_FENCE, payload: encodeFence(1, 1) }, [memfd]);
      const { status } = await client.reply();
      expect([INVALID_ARGUMENT, NOT_FOUND]).toContain(status);
    });
  });
});
