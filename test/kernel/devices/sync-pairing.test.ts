import { type AccessMode, type Broker, connect, type SharedBuffer } from '../../../client';
import { ClientProcess } from '../../e2e/client-process';
import { DaemonProcess } from '../../e2e/daemon-process';
import { eventually, patience } from '../../e2e/slowness';
import { UdmabufTrace } from './kernel-trace';

const heap = 'udmabuf';

// The property test of the domain counts at the port; here the kernel itself is asked what it was told.
describe('every SYNC START has its END of the same direction, in the kernel,', () => {
  let daemon: DaemonProcess;
  let trace: UdmabufTrace;
  let broker: Broker;
  let buffer: SharedBuffer;
  let names = 0;

  beforeAll(async () => {
    trace = new UdmabufTrace();
    daemon = await DaemonProcess.start();
    broker = await connect({ runtimeDirectory: daemon.runtimeDirectory, timeoutMs: patience() });
  });
  afterAll(async () => {
    await broker?.close();
    await daemon?.[Symbol.asyncDispose]();
    trace?.[Symbol.dispose]();
  });

  beforeEach(async () => {
    buffer = await broker.allocate({ sizeBytes: 4096, heap });
    // What was before is over.
    trace.clear();
  });

  /** What was seen in the end, in order: accesses came one after the other. */
  async function paired(...modes: AccessMode[]): Promise<void> {
    const expected = modes.flatMap((mode) => [`begin ${mode}`, `end ${mode}`] as const);
    await eventually('the ENDs are there', () =>
      trace.calls().length >= expected.length ? true : undefined,
    );
    // An END too many would be there by the time that a later access has had its own.
    await buffer.access('read-write', () => undefined).catch(() => undefined);
    const calls = trace.calls();
    const later = calls.length > expected.length ? ['begin read-write', 'end read-write'] : [];
    expect(calls).toEqual([...expected, ...later]);
  }

  async function client(): Promise<ClientProcess> {
    const other = await ClientProcess.start(daemon);
    names += 1;
    await buffer.share({ name: `pair/${names}` });
    await other.tell('open', { name: `pair/${names}` });
    return other;
  }

  test.each(['read', 'write', 'read-write'] as const)('when a %s access is ended', async (mode) => {
    await buffer.access(mode, () => undefined);
    expect(trace.calls()).toEqual([`begin ${mode}`, `end ${mode}`]);
  });

  test.each(['read', 'write', 'read-write'] as const)(
    'when a %s access is bracketed on the client’s own fd',
    async (mode) => {
      await buffer.access(mode, () => undefined, { arbitrated: false });
      expect(trace.calls()).toEqual([`begin ${mode}`, `end ${mode}`]);
    },
  );

  test('when the callback throws, and when its signal aborts', async () => {
    const failing = buffer.access('write', () => {
      throw new RangeError('a bug');
    });
    await expect(failing).rejects.toThrow(RangeError);
    const controller = new AbortController();
    const aborted = buffer.access(
      'read',
      () => {
        controller.abort();
        return new Promise<never>(() => {});
      },
      { signal: controller.signal },
    );
    await expect(aborted).rejects.toMatchObject({ code: 'CANCELLED' });
    await paired('write', 'read');
  });

  test('when its client is killed inside, and the one that waited goes on', async () => {
    const other = await client();
    await other.tell('enter', { bufferId: buffer.id, mode: 'write' });
    const next = buffer.read(0, 1, { timeoutMs: patience() });
    await other.kill();
    await next;
    await paired('write', 'read');
  });

  test('when the lease is given back inside', async () => {
    let inside = () => {};
    const entered = new Promise<void>((resolve) => {
      inside = resolve;
    });
    const endless = buffer.access('write', () => {
      inside();
      return new Promise<never>(() => {});
    });
    const ended = expect(endless).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
    await entered;
    await buffer.release();
    await ended;
    await paired('write');
  });

  test('when a waiter gives up: it had no START and gets no END', async () => {
    await using other = await client();
    await other.tell('enter', { bufferId: buffer.id, mode: 'write' });
    await expect(buffer.read(0, 1, { timeoutMs: 1000 })).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
    });
    await other.tell('leave', { bufferId: buffer.id });
    await paired('write');
  });

  test('when the daemon is stopped with an access open', async () => {
    await using other = await client();
    await other.tell('enter', { bufferId: buffer.id, mode: 'read-write' });
    expect(trace.calls()).toEqual(['begin read-write']);
    expect(await daemon.stop()).toBe(0);
    await paired('read-write');
  });
});
