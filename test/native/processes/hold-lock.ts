/** Locks a file, says so, and waits to be killed. */
import addon from '../../../native';

const lock = addon.lockFile(process.argv[2] ?? '');
process.stdout.write(lock.fd === null ? `held by ${lock.holderPid}\n` : 'locked\n');
setInterval(() => lock.fd?.number, 1000);
