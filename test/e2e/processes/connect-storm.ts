/** Connects to fd.sock and leaves, again and again, until it is killed. */
import { join } from 'node:path';
import addon from '../../../native';

const path = join(process.argv[2] ?? '', 'fd.sock');
const handlers = { onDatagram: () => {}, onWritable: () => {}, onClosed: () => {} };

function storm(): void {
  for (let i = 0; i < 200; i++) {
    try {
      addon.connectSeqpacket(path, handlers).close();
    } catch {
      // The backlog is full: once more.
    }
  }
  setImmediate(storm);
}

storm();
setTimeout(() => process.stdout.write('storming\n'), 300);
