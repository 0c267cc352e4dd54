/** Sends FETCH after FETCH and never reads an answer; says when the daemon takes no more. */
import addon from '../../../native';
import { bufferIds, datagram } from '../sockets';

const socket = addon.connectSeqpacket(process.argv[2] ?? '', {
  onDatagram: () => undefined,
  onWritable: () => undefined,
  onClosed: () => process.exit(1),
});

// From the first line of input on, this thread never returns to its event loop, and so never receives.
process.stdin.once('data', () => {
  const deadline = Date.now() + 60_000;
  let refused = 0;
  while (refused < 1000 && Date.now() < deadline) {
    refused = socket.send(datagram(3, 1, bufferIds(1))) ? 0 : refused + 1;
  }
  require('node:fs').writeSync(1, refused >= 1000 ? 'blocked\n' : 'never blocked\n');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 600_000);
});
