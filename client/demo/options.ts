/**
 * The demo's command line.
 */
import { Command, InvalidArgumentError, Option } from 'commander';
import { LARGEST, type PictureSize, SMALLEST } from './picture';

export interface DemoOptions {
  readonly frames: number;
  readonly size: PictureSize;
  /** Empty for the daemon's default. */
  readonly heap: string;
  /** Where the pictures go; undefined for a new temporary directory. */
  readonly out: string | undefined;
  readonly json: boolean;
  /** Multiplies every timeout: 1, or more on a slow (emulated) machine. */
  readonly slowness: number;
}

const MOST_FRAMES = 9999;

export function parseOptions(argv: readonly string[]): DemoOptions {
  const command = new Command('npm run demo --')
    .description(
      'Starts a private dmabufd, a producer that draws moving test pictures into shared buffers, and two consumers that check every byte of them.',
    )
    .option('--frames <n>', `how many frames, up to ${MOST_FRAMES}`, parseFrames, 120)
    .addOption(
      new Option('--size <WxH>', "the pictures' size in pixels")
        .argParser(parseSize)
        .default({ width: 640, height: 360 }, '640x360'),
    )
    .addOption(
      new Option('--heap <name>', 'the heap, as dmabufctl heaps lists it').default(
        '',
        "the daemon's",
      ),
    )
    .option('--out <dir>', 'where to write the PNG snapshots (default: a new directory in /tmp)')
    .option('--json', 'print the report as JSON', false)
    .addHelpText('after', '\nExit code: 0 if everything held, 1 if not, 2 for wrong usage.')
    .exitOverride()
    .parse(argv);
  const { out, ...options } = command.opts<Omit<DemoOptions, 'slowness'>>();
  const slowness = Number(process.env['DMABUFD_TEST_SLOWNESS'] ?? 1);
  return { ...options, out, slowness };
}

function parseFrames(text: string): number {
  const frames = /^\d+$/.test(text) ? Number(text) : 0;
  if (frames >= 1 && frames <= MOST_FRAMES) return frames;
  throw new InvalidArgumentError(`must be from 1 to ${MOST_FRAMES}`);
}

function parseSize(text: string): PictureSize {
  const [, width = 0, height = 0] = (/^(\d+)x(\d+)$/.exec(text) ?? []).map(Number);
  const fits =
    width >= SMALLEST.width &&
    height >= SMALLEST.height &&
    width <= LARGEST.width &&
    height <= LARGEST.height;
  if (fits) return { width, height };
  const limits = `${SMALLEST.width}x${SMALLEST.height} to ${LARGEST.width}x${LARGEST.height}`;
  throw new InvalidArgumentError(`must be from ${limits}`);
}
