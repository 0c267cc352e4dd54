/** Fetches more fds than it may have open, and says how the connection ended and whether any fd is left of it. */
import { readdirSync, readlinkSync } from 'node:fs';
import addon from '../../../native';
import { bufferIds, datagram } from '../sockets';

function memfds(): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).includes('memfd');
    } catch {
      return false;
    }
  }).length;
}

const ids = Array.from({ length: 60 }, (_, index) => index + 1);
const socket = addon.connectSeqpacket(process.argv[2] ?? '', {
  onDatagram: () => {
    // WELCOME, or NOT_FOUND until the table has its rows.
    setTimeout(() => socket.send(datagram(3, 1, bufferIds(...ids))), 10);
  },
  onWritable: () => undefined,
  onClosed: (error) => {
    process.stdout.write(`${JSON.stringify({ code: error?.code, leaked: memfds() })}\n`);
  },
});
