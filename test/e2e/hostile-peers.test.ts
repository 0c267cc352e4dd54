import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Client, type ClientReadableStream, credentials } from '@grpc/grpc-js';
import { service as healthService } from 'grpc-health-check';
import { type Broker, connect } from '../../client';
import { projectRoot } from '../jest-run';
import { DaemonProcess } from './daemon-process';
import { eventually, patience, SLOWNESS } from './slowness';

const STORM = join(__dirname, 'processes', 'connect-storm.js');
// Node sets no SO_LINGER. Python does, and is there: the addon's build needs it.
const LINGER = join(projectRoot, 'test', 'e2e', 'processes', 'linger.py');

describe('while somebody means harm', () => {
  let daemon: DaemonProcess;
  let honest: Broker;
  const attackers: ChildProcess[] = [];

  beforeAll(async () => {
    daemon = await DaemonProcess.start();
    honest = await connect({ runtimeDirectory: daemon.runtimeDirectory });
    // Its connections are made before anything is counted.
    await works();
  });
  afterAll(async () => {
    for (const attacker of attackers) attacker.kill('SIGKILL');
    await honest?.close();
    await daemon?.[Symbol.asyncDispose]();
  });

  /** What an honest client does all day. */
  async function works(): Promise<void> {
    await using buffer = await honest.allocate({ sizeBytes: 4096 }, { timeoutMs: patience() });
    await buffer.write(0, Buffer.from('as ever'), { timeoutMs: patience() });
    await buffer.fd({ timeoutMs: patience() });
  }

  /** Starts an attacker, and waits until it says that it attacks; answers how to end it. */
  async function attacked(program: string, ...args: string[]): Promise<() => Promise<void>> {
    const attacker = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    attackers.push(attacker);
    await once(attacker.stdout, 'data', { signal: AbortSignal.timeout(patience()) });
    return async () => {
      const gone = once(attacker, 'close');
      attacker.kill('SIGKILL');
      await gone;
    };
  }

  // The last close of such a socket sleeps until its data is sent, or for as long as its owner said.
  test.each([
    ['in an ADOPT', '4'],
    ['where no fd belongs', '3'],
  ])('with an fd whose close blocks for an hour, %s: nobody else waits', async (_, opcode) => {
    const before = await daemon.totals();
    const end = await attacked('python3', LINGER, daemon.runtimeDirectory, opcode);
    await works();
    expect((await daemon.totals()).sessions).toBeLessThanOrEqual(before.sessions + 1);
    await end();
    await works();
    await daemon.settlesAt(before);
  });

  test('with connections that come and go as fast as they can: honest ones are served', async () => {
    const before = await daemon.totals();
    const end = await attacked(process.execPath, STORM, daemon.runtimeDirectory);
    for (let round = 0; round < 5; round++) await works();
    await using another = await connect({
      runtimeDirectory: daemon.runtimeDirectory,
      timeoutMs: patience(),
    });
    expect(another.connected).toBe(true);
    await another.close();
    await end();
    await daemon.settlesAt(before);
  });

  test('by watching the health of services that do not exist: nothing of them is kept', async () => {
    const watch = healthService.Watch;
    if (watch === undefined) throw new Error('the health service has no Watch');
    const rounds = SLOWNESS > 1 ? 50 : 400;
    const client = new Client(
      `unix:${daemon.runtimeDirectory}/control.sock`,
      credentials.createInsecure(),
    );
    try {
      for (let round = 0; round < rounds; round++) {
        const name = `${round}-${'x'.repeat(12_000)}`;
        const stream: ClientReadableStream<object> = client.makeServerStreamRequest(
          watch.path,
          watch.requestSerialize,
          (bytes) => Object(watch.responseDeserialize(bytes)),
          { service: name },
        );
        stream.on('error', () => undefined);
        const [answer] = await once(stream, 'data');
        expect(answer).toMatchObject({ status: 'SERVICE_UNKNOWN' });
        stream.cancel();
      }
    } finally {
      client.close();
    }
    await eventually('the calls have ended', async () => {
      await works();
      return true;
    });
  });
});
