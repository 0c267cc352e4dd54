/** Loaded before a program: tells when its process began and when node came to run anything, in ms since 1970. */
import { writeSync } from 'node:fs';

const { timeOrigin } = performance;
writeSync(2, `began ${timeOrigin} scripts ${timeOrigin + performance.now()}\n`);
