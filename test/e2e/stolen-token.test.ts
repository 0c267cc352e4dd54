import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { CallLimits } from '../../client/call-limits';
import { ControlConnection } from '../../client/control-connection';
import { CONTROL_SOCKET_NAME } from '../../proto';
import { DaemonProcess } from './daemon-process';
import type { Theft } from './processes/call-with-token';
import { RawFdClient } from './raw-fd-client';

const THIEF = join(__dirname, 'processes', 'call-with-token.js');

describe('a session’s token', () => {
  let daemon: DaemonProcess;
  let client: RawFdClient;
  let controlSocket: string;

  beforeAll(async () => {
    daemon = await DaemonProcess.start();
    client = await RawFdClient.connect(daemon);
    controlSocket = join(daemon.runtimeDirectory, CONTROL_SOCKET_NAME);
  });
  afterAll(async () => {
    client?.[Symbol.dispose]();
    await daemon?.[Symbol.asyncDispose]();
  });

  async function allocateWith(token: Uint8Array | null): Promise<unknown> {
    const control = new ControlConnection(controlSocket, token);
    try {
      const { AllocateBuffer } = control.methods.buffers;
      return await control.call(AllocateBuffer, { sizeBytes: 4096 }, new CallLimits());
    } finally {
      control.close();
    }
  }

  test('counts when the process that was given it sends it', async () => {
    await expect(allocateWith(client.token)).resolves.toMatchObject({ buffer: { isOwner: true } });
  });

  test('is worthless to another process, of the same user, too', async () => {
    const thief = fork(THIEF);
    const theft: Theft = { controlSocket, tokenHex: Buffer.from(client.token).toString('hex') };
    thief.send(theft);
    const [outcome] = await once(thief, 'message');
    expect(outcome).toBe('UNAUTHENTICATED');
    expect((await daemon.totals()).buffers).toBe(1);
  });

  test.each([
    ['missing', null],
    ['made up', Buffer.alloc(32, 7)],
    ['too short', Buffer.alloc(31)],
    ['empty', Buffer.alloc(0)],
  ])('that is %s is UNAUTHENTICATED', async (_how, token) => {
    await expect(allocateWith(token)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  test('is never in the daemon’s log', () => {
    expect(daemon.log).not.toContain(Buffer.from(client.token).toString('hex'));
    expect(daemon.log).not.toContain(Buffer.from(client.token).toString('base64'));
  });

  test('ends with its session', async () => {
    const mortal = await RawFdClient.connect(daemon);
    mortal[Symbol.dispose]();
    await expect(allocateWith(mortal.token)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  });
});
