import { type Broker, connect, type SharedBuffer } from '../../client';
import addon from '../../native';
import { DaemonProcess } from './daemon-process';

describe('a buffer’s fences', () => {
  let daemon: DaemonProcess;
  let broker: Broker;
  let buffer: SharedBuffer;
  let haveFences: boolean;

  beforeAll(async () => {
    daemon = await DaemonProcess.start();
    broker = await connect({ runtimeDirectory: daemon.runtimeDirectory });
    buffer = await broker.allocate({ sizeBytes: 4096 });
    const heap = (await broker.heaps()).find(({ isDefault }) => isDefault);
    haveFences = heap?.capabilities.includes('fences') ?? false;
  });
  afterAll(async () => {
    await broker?.close();
    await daemon?.[Symbol.asyncDispose]();
  });

  test('come out as a sync_file and go back in, or are told to be none of this kind of memory', async () => {
    if (!haveFences) {
      await expect(buffer.exportFence('read')).rejects.toMatchObject({ code: 'UNIMPLEMENTED' });
      return;
    }
    using fence = await buffer.exportFence('read-write');
    expect(addon.describeFd(fence).kind).toBe('sync-file');
    await buffer.importFence('write', fence);
    expect(fence.closed).toBe(false);
    await buffer.write(0, Buffer.from('after a signalled fence'));
  });

  test('are refused when they are none', async () => {
    using memfd = await addon.createMemfd('no fence', 4096);
    await expect(buffer.importFence('read', memfd)).rejects.toMatchObject({
      code: expect.stringMatching(/^(INVALID_ARGUMENT|UNIMPLEMENTED)$/),
    });
  });
});
