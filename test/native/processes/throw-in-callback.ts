/** Throws for the first connection that it accepts; says whether the second still comes. */
import { connect } from 'node:net';
import addon, { type Fd } from '../../../native';
import { listenForFds } from '../sockets';

const [path = '', how] = process.argv.slice(2);
let connections = 0;
let uncaught = '';
process.on('uncaughtException', (error) => {
  uncaught = error.message;
  connect(path);
});

function accept(listener: Fd): void {
  addon.acceptStreams(listener, () => {
    connections++;
    if (connections === 1) throw new Error('first');
    process.stdout.write(`uncaught: ${uncaught}, then a second connection\n`, () =>
      process.exit(0),
    );
  });
  connect(path);
}

if (how === 'relayed') void listenForFds(path).then(accept);
else accept(addon.listenUnix('stream', path, 0o600));
