import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { PNG } from 'pngjs';
import { patience } from './slowness';

const PROGRAM = join(__dirname, '..', '..', 'client', 'demo', 'main.js');
const run = (...args: string[]) =>
  promisify(execFile)(process.execPath, [PROGRAM, ...args], { timeout: patience(60_000) });

describe('the demo', () => {
  let out: string;

  beforeAll(() => {
    out = mkdtempSync(join(tmpdir(), 'dmabufd-demo-test-'));
  });
  afterAll(() => rmSync(out, { recursive: true, force: true }));

  test('ends by itself, with everything verified and pictures that decode', async () => {
    const { stdout } = await run('--json', '--frames', '7', '--size', '160x90', '--out', out);
    const report: unknown = JSON.parse(stdout);
    expect(report).toMatchObject({
      held: true,
      consumers: [
        { goodFrames: 7, badFrames: [] },
        { goodFrames: 7, badFrames: [] },
      ],
      totals: { sessions: 0, buffers: 0, chargedBytes: 0 },
      pictureDirectory: out,
    });
    const pictures = readdirSync(out);
    expect(pictures.length).toBeGreaterThan(0);
    for (const picture of pictures) {
      const { width, height } = PNG.sync.read(readFileSync(join(out, picture)));
      expect({ width, height }).toEqual({ width: 160, height: 90 });
    }
  });

  test('tells a person which heap it was, and plainly when that is no dma-buf', async () => {
    const { stdout } = await run('--frames', '3', '--size', '96x64', '--out', out);
    expect(stdout).toMatch(/^ {2}heap +\S+ \(the default here\)$/m);
    expect(stdout).toMatch(/real dma-bufs|memfd\), NOT dma-bufs/);
    expect(stdout).toMatch(/^All of it held\.$/m);
    expect(stdout).not.toContain('✘');
  });

  test.each([
    [['--frames', '0'], 2, /must be from 1 to 9999/],
    [['--size', '1x1'], 2, /must be from 96x64/],
    [['--heap', 'no-such-heap', '--frames', '1'], 1, /--heap no-such-heap: not one of/],
  ])('refuses %j', async (args, code, stderr) => {
    await expect(run(...args, '--out', out)).rejects.toMatchObject({
      code,
      stderr: expect.stringMatching(stderr),
    });
  });
});
