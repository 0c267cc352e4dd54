/** A worker thread that execs `ls` on its own descriptors, again and again, and counts those that show a memfd. */
import { execFileSync } from 'node:child_process';
import { parentPort, workerData } from 'node:worker_threads';

const { rounds }: { rounds: number } = workerData;
let leaked = 0;
for (let round = 0; round < rounds; round++) {
  // The shell looks at itself, and not through node's own pipes, which would only show what node opened.
  const open = execFileSync('ls', ['-l', '/proc/self/fd'], { encoding: 'utf8' });
  if (open.includes('memfd:raced')) leaked++;
}
parentPort?.postMessage({ children: rounds, leaked });
