import { type Broker, type BrokerEvent, connect } from '../../client';
import { DaemonProcess } from './daemon-process';

const SIZE = 4096;

describe('the daemon’s events', () => {
  let daemon: DaemonProcess;
  let broker: Broker;

  beforeAll(async () => {
    daemon = await DaemonProcess.start();
    broker = await connect({ runtimeDirectory: daemon.runtimeDirectory });
  });
  afterAll(async () => {
    await broker?.close();
    await daemon?.[Symbol.asyncDispose]();
  });

  test('tell a session the whole life of its buffer, in order', async () => {
    await using events = await broker.watch();
    await using other = await connect({ runtimeDirectory: daemon.runtimeDirectory });
    const buffer = await broker.allocate({ sizeBytes: SIZE, label: 'watched' });
    const share = await buffer.share({ name: 'watched', access: 'read' });
    const opened = await other.open({ name: 'watched' });
    await opened.read(0, 1);
    await opened.release();
    await share.revoke();
    await buffer.release();
    const seen: BrokerEvent[] = [];
    for await (const event of events) {
      seen.push(event);
      if (event.type === 'buffer-destroyed') break;
    }
    const { id: bufferId } = buffer;
    const mine = { sessionId: broker.sessionId };
    const theirs = { sessionId: other.sessionId };
    expect(seen).toMatchObject([
      { type: 'buffer-created', buffer: { id: bufferId, label: 'watched' }, ...mine },
      { type: 'grant-created', bufferId, name: 'watched', ...mine },
      { type: 'lease-opened', bufferId, access: 'read', peer: { pid: process.pid }, ...theirs },
      { type: 'cpu-access-began', bufferId, writes: false, ...theirs },
      { type: 'cpu-access-ended', bufferId, writes: false, ...theirs },
      { type: 'lease-released', bufferId, ...theirs },
      { type: 'grant-ended', bufferId, reason: 'revoked', ...mine },
      { type: 'lease-released', bufferId, ...mine },
      { type: 'buffer-destroyed', bufferId },
    ]);
    const sequences = seen.map(({ sequence }) => sequence);
    expect(sequences).toEqual([...sequences].sort((left, right) => left - right));
  });

  test('tell a session nothing of the buffers of others', async () => {
    await using other = await connect({ runtimeDirectory: daemon.runtimeDirectory });
    await using events = await other.watch();
    await (await broker.allocate({ sizeBytes: SIZE })).release();
    const own = await other.allocate({ sizeBytes: SIZE });
    const { value } = await events.next();
    expect(value).toMatchObject({ type: 'buffer-created', buffer: { id: own.id } });
  });

  test('tell an administrator everything, without a session', async () => {
    await using events = await daemon.inspector.watch();
    const other = await connect({ runtimeDirectory: daemon.runtimeDirectory });
    const { sessionId } = other;
    await other.close();
    const opened = await events.find(({ type }) => type === 'session-opened');
    expect(opened).toMatchObject({ sessionId, peer: { pid: process.pid } });
    const closed = await events.find(({ type }) => type === 'session-closed');
    expect(closed).toMatchObject({ sessionId, reason: expect.any(String) });
  });

  test('end when the signal aborts', async () => {
    const controller = new AbortController();
    const events = await broker.watch({ signal: controller.signal });
    const next = events.next();
    controller.abort();
    expect(await next).toEqual({ value: undefined, done: true });
  });

  test('tell the holder of a lease that it was revoked', async () => {
    await using other = await connect({ runtimeDirectory: daemon.runtimeDirectory });
    const buffer = await broker.allocate({ sizeBytes: SIZE });
    const share = await buffer.share();
    const opened = await other.open({ secret: share.secret ?? new Uint8Array() });
    await using events = await other.watch();
    expect(await share.revoke({ revokeLeases: true })).toBe(1);
    const event = await events.find(({ type }) => type === 'lease-revoked');
    expect(event).toMatchObject({ bufferId: buffer.id, sessionId: other.sessionId });
    await expect(opened.read(0, 1)).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
    expect(await broker.grants()).toEqual([]);
  });
});
