import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { projectRoot } from '../jest-run';
import { Directory } from './sockets';

const run = promisify(execFile);
const LIBRARY = join(projectRoot, 'test', 'native', 'processes', 'scripted-sync.c');
const PROGRAM = join(__dirname, 'processes', 'sync-by-script.js');
const [READ, RW, END] = [1, 3, 4];

describe('DMA_BUF_IOCTL_SYNC', () => {
  const directory = new Directory();
  const library = directory.join('scripted-sync.so');

  beforeAll(async () => {
    const strict = ['-std=gnu11', '-O1', '-Wall', '-Wextra', '-Werror', '-shared', '-fPIC'];
    await run('cc', [...strict, '-o', library, LIBRARY, '-ldl']);
  });
  afterAll(() => directory[Symbol.dispose]());

  /** What became of each call, and what the kernel was asked and answered. */
  async function scripted(script: string, ...calls: string[]) {
    // Whatever is preloaded already (a sanitizer's runtime) comes first.
    const preload = [process.env.LD_PRELOAD, library].filter(Boolean).join(':');
    const env = { ...process.env, LD_PRELOAD: preload, SYNC_SCRIPT: script };
    const { stdout, stderr } = await run(process.execPath, [PROGRAM, ...calls], { env });
    return { became: stdout.trim().split('\n'), asked: stderr.trim().split('\n') };
  }

  test('is asked again while it answers EINTR or EAGAIN', async () => {
    const { became, asked } = await scripted('EINTR EAGAIN EINTR OK', `sync ${RW | END}`);
    expect(became).toEqual(['done']);
    expect(asked).toEqual(['7 EINTR', '7 EAGAIN', '7 EINTR', '7 OK']);
  });

  test('fails with any other errno', async () => {
    const { became } = await scripted('EAGAIN EIO', `sync ${RW | END}`);
    expect(became).toEqual(['EIO']);
  });

  test('to begin is asked again after EAGAIN, and given up, with nothing begun, when it is interrupted', async () => {
    const { became, asked } = await scripted(
      'EAGAIN OK EINTR EAGAIN EINTR EIO',
      `begin ${RW}`,
      `begin ${READ}`,
      `begin ${READ}`,
      `begin ${READ}`,
    );
    expect(became).toEqual(['true', 'false', 'false', 'EIO']);
    expect(asked).toEqual(['3 EAGAIN', '3 OK', '1 EINTR', '1 EAGAIN', '1 EINTR', '1 EIO']);
  });
});
