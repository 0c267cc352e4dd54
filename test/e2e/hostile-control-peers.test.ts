import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { type Broker, connect } from '../../client';
import { CONTROL_SOCKET_NAME } from '../../proto';
import { projectRoot } from '../jest-run';
import { DaemonProcess } from './daemon-process';
import { patience } from './slowness';

// Node attaches no fds. Python does, and is there: the addon's build needs it.
const ATTACH_FDS = join(projectRoot, 'test', 'e2e', 'processes', 'attach-fds.py');

describe('while somebody attaches fds to what control.sock reads, whose close blocks for an hour', () => {
  let daemon: DaemonProcess;
  let honest: Broker;
  const attackers: ChildProcess[] = [];

  beforeAll(async () => {
    daemon = await DaemonProcess.start();
    honest = await connect({ runtimeDirectory: daemon.runtimeDirectory, timeoutMs: patience() });
  });
  afterAll(async () => {
    for (const attacker of attackers) attacker.kill('SIGKILL');
    await honest?.close();
    await daemon?.[Symbol.asyncDispose]();
  });

  /** What an honest client does all day, on a connection that it has and on a new one. */
  async function works(): Promise<void> {
    await using buffer = await honest.allocate({ sizeBytes: 4096 }, { timeoutMs: patience() });
    await buffer.write(0, Buffer.from('as ever'), { timeoutMs: patience() });
    const { runtimeDirectory } = daemon;
    await using another = await connect({ runtimeDirectory, timeoutMs: patience() });
    expect(another.connected).toBe(true);
  }

  /** Waits until the attacker has sent one, or has been told by the kernel that it may not. */
  async function attacked(how: string): Promise<void> {
    const socket = join(daemon.runtimeDirectory, CONTROL_SOCKET_NAME);
    const stdio: ['ignore', 'pipe', 'inherit'] = ['ignore', 'pipe', 'inherit'];
    const attacker = spawn('python3', [ATTACH_FDS, socket, how], { stdio });
    attackers.push(attacker);
    const [said] = await once(attacker.stdout, 'data', { signal: AbortSignal.timeout(patience()) });
    expect(['sent', 'refused']).toContain(said.toString().split('\n')[0]);
  }

  test.each(['first', 'out-of-band'])('nobody else waits: %s', async (how) => {
    await attacked(how);
    await works();
    await attacked(how);
    await works();
  });

  test('the daemon ends when it is told to', async () => {
    await attacked('first');
    expect(await daemon.stop()).toBe(0);
  });
});
