/**
 * Loaded into the daemon before itself: on a signal it says on standard error what memory is in use. What is garbage says nothing of
 * a leak, and V8 leaves it lying for as long as it likes; so it is collected before.
 */
import { writeSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { REPORT_SIGNAL } from './memory';

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

process.on(REPORT_SIGNAL, () => {
  collect();
  // What finalizers of the first have let go of.
  setImmediate(() => {
    collect();
    const { heapUsed, external, heapTotal, rss } = process.memoryUsage();
    writeSync(
      2,
      `memory: ${heapUsed} used, ${external} external, ${heapTotal} heap, ${rss} resident\n`,
    );
  });
});
