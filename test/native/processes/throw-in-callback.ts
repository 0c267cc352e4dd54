/** Throws for the first connection that it accepts; says whether the second still comes. */
import { connect } from 'node:net';
import addon from '../../../native';

const path = process.argv[2] ?? '';
let connections = 0;
let uncaught = '';
process.on('uncaughtException', (error) => {
  uncaught = error.message;
  connect(path);
});
addon.acceptStreams(addon.listenUnix('stream', path, 0o600), () => {
  connections++;
  if (connections === 1) throw new Error('first');
  process.stdout.write(`uncaught: ${uncaught}, then a second connection\n`, () => process.exit(0));
});
connect(path);
