import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import type { Fd, PeerCredentials } from '../../../../native';
import { identifyBy, parseCgroup, parseComm, parseStartTime } from '../../../../server/peers/proc';
import { refusal } from '../domain/fakes';

const STAT = `42 (a) (b c) S 1 42 42 0 -1 4194304 ${'0 '.repeat(12)}987654 ${'0 '.repeat(20)}`;

function pidfd(): Fd & { wasClosed: boolean } {
  const fd = {
    number: 3,
    closed: false,
    wasClosed: false,
    close() {
      fd.wasClosed = true;
    },
    duplicate: pidfd,
    release: () => 3,
    [Symbol.dispose]() {},
  };
  return fd;
}

describe('a peer', () => {
  const proc = mkdtempSync(join(tmpdir(), 'dmabufd-proc-'));
  mkdirSync(join(proc, '42'));
  writeFileSync(join(proc, '42', 'stat'), STAT);
  writeFileSync(join(proc, '42', 'status'), 'Name:\ta\nNSpid:\t42\n');
  writeFileSync(join(proc, '42', 'cgroup'), '1:name=x:/old\n0::/system.slice/camera.service\n');
  afterAll(() => rmSync(proc, { recursive: true }));

  const credentials = (pid: number, fd: Fd | null): PeerCredentials => ({
    pid,
    uid: 1000,
    gid: 100,
    groups: [44],
    pidfsInode: 7,
    pidfd: fd,
  });

  test('is what the socket and /proc tell of it', () => {
    const fd = pidfd();
    const identify = identifyBy({ pollNow: () => 0 }, proc);
    expect(identify(credentials(42, fd))).toEqual({
      pid: 42,
      startTime: 987654,
      pidfsInode: 7,
      uid: 1000,
      gid: 100,
      groups: [44],
      comm: 'a) (b c',
      cgroup: '/system.slice/camera.service',
      unit: 'camera.service',
      container: '',
      isContained: false,
    });
    expect(fd.wasClosed).toBe(true);
  });

  test('that ended while it was looked at is nobody, whoever has its pid now', async () => {
    const fd = pidfd();
    const identify = identifyBy({ pollNow: () => 1 }, proc);
    expect(await refusal(() => identify(credentials(42, fd)))).toBe(
      'unauthenticated: the process with pid 42 has ended',
    );
    expect(fd.wasClosed).toBe(true);
  });

  test('that is gone from /proc is nobody', async () => {
    const identify = identifyBy({ pollNow: () => 0 }, proc);
    expect(await refusal(() => identify(credentials(7, null)))).toContain('has ended');
  });

  test('of another pid namespace is known by its uid and gid only', () => {
    const identify = identifyBy({ pollNow: () => 0 }, proc);
    expect(identify(credentials(0, null))).toMatchObject({
      pid: 0,
      uid: 1000,
      comm: '',
      cgroup: '',
    });
  });

  test('may call itself what it likes', () => {
    expect(parseComm('1 () 2 (x) S')).toBe(') 2 (x');
    expect(parseStartTime(STAT)).toBe(987654);
    expect(parseCgroup('12:devices:/x\n')).toBe('');
  });

  test('has the start time that the kernel tells, whatever its name looks like', () => {
    // The kernel's rule: up to 15 bytes and no NUL. Here mostly those that could mislead.
    const byte = fc.oneof(
      fc.constantFrom(...Buffer.from('() \n0S')),
      fc.integer({ min: 1, max: 255 }),
    );
    const comm = fc.array(byte, { minLength: 1, maxLength: 15 }).map((bytes) => Buffer.from(bytes));
    fc.assert(
      fc.property(comm, fc.nat(), (bytes, startTime) => {
        const before = `42 (${bytes.toString('latin1')}) S 1 42 42 0 -1 4194304 ${'0 '.repeat(12)}`;
        const stat = `${before}${startTime} ${'0 '.repeat(20)}\n`;
        expect(parseStartTime(stat)).toBe(startTime);
        expect(parseComm(stat)).toBe(bytes.toString('utf8'));
      }),
    );
  });

  test('is in the cgroup of the unified hierarchy, whatever the others are called', () => {
    const path = fc.string().map((text) => `/${text.replaceAll('\n', '')}`);
    const others = fc.array(fc.tuple(fc.integer({ min: 1, max: 20 }), path));
    fc.assert(
      fc.property(others, path, others, (above, own, below) => {
        const lines = (entries: [number, string][]) =>
          entries.map(([id, name]) => `${id}:name=0::${name}:${name}\n`).join('');
        expect(parseCgroup(`${lines(above)}0::${own}\n${lines(below)}`)).toBe(own);
      }),
    );
  });
});
