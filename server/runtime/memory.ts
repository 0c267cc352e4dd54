/** How V8 is to deal with memory: there is little to gain for a daemon in a heap that grows before it is collected. */
import { setFlagsFromString } from 'node:v8';

/**
 * Both are looked at by V8 at each collection, so that it does no harm to set them late; and set on node's command line they would
 * cost a third of the start, since V8 takes no code cache, node's own neither, that was made with other flags.
 */
const FLAGS = [
  // What has survived may grow by a little until the next collection, instead of up to fourfold.
  '--optimize-for-size',
  // What is new has 1 MiB before it is collected, as at the start, and never up to 16.
  '--semi-space-growth-factor=1',
];

/** To be called when everything has been loaded. */
export function keepHeapSmall(): void {
  for (const flag of FLAGS) setFlagsFromString(flag);
}
