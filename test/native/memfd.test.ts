import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import addon, { type Fd } from '../../native';
import { expectNoFdLeak } from './open-fds';
import { Directory, TestClient } from './sockets';

const SIZE = 4096;
/** Of fcntl.h; node:fs does not name it. */
const O_PATH = 0o10000000;

/** A memfd in a file that stays here, and another one to give away. */
async function memfdToGive(): Promise<{ kept: Fd; given: Fd }> {
  const kept = await addon.createMemfd('given away', SIZE);
  return { kept, given: addon.reopen(kept, 'read-write') };
}

describe('another open file of a memfd', () => {
  expectNoFdLeak();

  it('is of the same memory, with rights of its own', async () => {
    using memfd = await addon.createMemfd('reopened', SIZE);
    for (const access of ['read-only', 'read-write'] as const) {
      using reopened = addon.reopen(memfd, access);
      expect(addon.describeFd(reopened)).toEqual({ ...addon.describeFd(memfd), access });
    }
  });
});

describe('a memfd is held elsewhere', () => {
  expectNoFdLeak();

  it('never, if all there is is the file that asks, and duplicates of it', async () => {
    using memfd = await addon.createMemfd('alone', SIZE);
    using _duplicate = memfd.duplicate();
    expect(addon.isHeldElsewhere(memfd)).toBe(false);
  });

  it('while this process has it open elsewhere, for writing or only for reading', async () => {
    const { kept, given } = await memfdToGive();
    using _kept = kept;
    expect(addon.isHeldElsewhere(kept)).toBe(true);
    const reader = addon.reopen(given, 'read-only');
    given.close();
    expect(addon.isHeldElsewhere(kept)).toBe(true);
    reader.close();
    expect(addon.isHeldElsewhere(kept)).toBe(false);
  });

  it('while another process has it', async () => {
    const { kept, given } = await memfdToGive();
    using _kept = kept;
    const holder = spawn('sleep', ['600'], { stdio: [given.number, 'ignore', 'ignore'] });
    await once(holder, 'spawn');
    given.close();
    expect(addon.isHeldElsewhere(kept)).toBe(true);
    const gone = once(holder, 'close');
    holder.kill('SIGKILL');
    await gone;
    expect(addon.isHeldElsewhere(kept)).toBe(false);
  });

  it('while it is mapped, and no fd of it is left', async () => {
    const { kept, given } = await memfdToGive();
    using _kept = kept;
    const mapping = addon.map(given, SIZE, 'read-write');
    given.close();
    expect(addon.isHeldElsewhere(kept)).toBe(true);
    mapping.unmap();
    expect(addon.isHeldElsewhere(kept)).toBe(false);
  });

  it('while it is on its way to somebody who has not received it', async () => {
    using directory = new Directory();
    const { kept, given } = await memfdToGive();
    using _kept = kept;
    using listener = addon.listenUnix('seqpacket', directory.join('s'), 0o600);
    using client = new TestClient(directory.join('s'));
    client.socket.send(new Uint8Array(1), [given]);
    given.close();
    expect(addon.isHeldElsewhere(kept)).toBe(true);
    listener.close();
    expect(addon.isHeldElsewhere(kept)).toBe(false);
  });

  it('not as far as the kernel tells, by an O_PATH descriptor, which keeps its memory all the same', async () => {
    const { kept, given } = await memfdToGive();
    using _kept = kept;
    const path = openSync(`/proc/self/fd/${given.number}`, O_PATH);
    given.close();
    expect(addon.isHeldElsewhere(kept)).toBe(false);
    closeSync(openSync(`/proc/self/fd/${path}`, 'r'));
    closeSync(path);
  });
});

describe('a process that asks whether a memfd is held elsewhere', () => {
  // An opened file breaks the lease that is asked for, and the kernel's signal for that ends a process by default.
  it('survives that somebody opens it just then', async () => {
    const asking = spawn(process.execPath, [join(__dirname, 'processes', 'ask-whether-held.js')], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const [path] = await once(asking.stdout, 'data');
    const opening = spawn('python3', ['-c', OPEN_AND_CLOSE, path.toString()], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(opening.stdout, 'data');
    const answered = once(asking.stdout, 'data');
    const ended = once(asking, 'close');
    asking.stdin.write('go\n');
    const [exitCode, signal] = await ended;
    opening.kill('SIGKILL');
    expect({ exitCode, signal }).toEqual({ exitCode: 0, signal: null });
    const [answers] = await answered;
    const { held, free } = JSON.parse(answers.toString());
    expect(Math.min(held, free)).toBe(1000);
  });
});

const OPEN_AND_CLOSE = `
import os, sys
print("opening", flush=True)
while True:
    try:
        os.close(os.open(sys.argv[1], os.O_RDONLY))
    except OSError:
        break
`;
