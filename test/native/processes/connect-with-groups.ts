/** Connects as a member of the groups given, leaves them all afterwards, and waits to be killed. */
import addon from '../../../native';

const [path = '', ...groups] = process.argv.slice(2);
process.setgroups?.(groups.map(Number));
addon.connectSeqpacket(path, {
  onDatagram: () => undefined,
  onWritable: () => undefined,
  onClosed: () => process.exit(1),
});
process.setgroups?.([]);
process.stdout.write('connected\n');
