/** How V8 and glibc are to deal with memory: a daemon has little to gain by heaps that keep what they do not need. */
import { setFlagsFromString } from 'node:v8';
import type { NativeAddon } from '../../native';

/**
 * V8 looks at both when it has collected, so that it does no harm to set them late; set on node's command line they cost a third of
 * the start, since V8 takes no code cache, node's own neither, that was made with other flags. --optimize-for-size would save
 * some MiB more, at the price of two fifths more CPU time for each call.
 */
const FLAGS = [
  // What is new has the room that it has at the start, 1 MiB, and not sixteen times that in the end.
  '--semi-space-growth-factor=1',
  // What has survived may grow by a fifth until the next collection, and not by as much again or more.
  '--heap-growing-percent=20',
];

/**
 * malloc keeps what has been let go of, almost half of what it has after many calls. To give it back takes some tenths of a
 * millisecond on another thread, and some hundredths where there is nothing.
 */
const TRIM_INTERVAL_MS = 2_000;

/** To be called when everything has been loaded. */
export function keepHeapsSmall(addon: Pick<NativeAddon, 'trimMalloc'>): void {
  for (const flag of FLAGS) setFlagsFromString(flag);
  trimRegularly(addon);
}

/** One after the other, however busy the thread pool is. */
function trimRegularly(addon: Pick<NativeAddon, 'trimMalloc'>): void {
  const trim = async () => {
    await addon.trimMalloc();
    trimRegularly(addon);
  };
  setTimeout(() => void trim(), TRIM_INTERVAL_MS).unref();
}
