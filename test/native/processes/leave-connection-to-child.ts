/** Connects, starts a child that inherits the connection, prints the child's pid, and waits to be killed. */
import { spawn } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';
import addon from '../../../native';

addon.connectSeqpacket(process.argv[2] ?? '', {
  onDatagram: () => {
    // WELCOME: the connection stands. It is the only socket that the addon opened, so the last one by number.
    const sockets = readdirSync('/proc/self/fd').filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).startsWith('socket:');
      } catch {
        return false;
      }
    });
    const connection = Math.max(...sockets.map(Number));
    const child = spawn('sleep', ['600'], {
      stdio: [connection, 'ignore', 'ignore'],
      detached: true,
    });
    process.stdout.write(`${child.pid}\n`);
  },
  onWritable: () => undefined,
  onClosed: () => process.exit(1),
});
