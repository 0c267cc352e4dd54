import { DaemonProcess } from '../daemon-process';
import { Attack } from './attack';
import { describeAsRoot, Siege } from './siege';

const DAEMON_UID = 4200;

/** Few fds, and the daemon as root, whom the kernel's limit of fds in flight does not hold, or as a user like others. */
const DAEMONS: Record<string, readonly [launcher: readonly string[], uid: number]> = {
  'as root': [['prlimit', '--nofile=512'], 0],
  'as a user': [
    // It may read this checkout, wherever that is, and is otherwise no more than any user.
    [
      'prlimit',
      '--nofile=512',
      'setpriv',
      `--reuid=${DAEMON_UID}`,
      `--regid=${DAEMON_UID}`,
      '--clear-groups',
      '--inh-caps=+dac_read_search',
      '--ambient-caps=+dac_read_search',
    ],
    DAEMON_UID,
  ],
};

describeAsRoot.each(Object.entries(DAEMONS))('a daemon %s that may have 512 fds open', (_, how) => {
  let siege: Siege;

  beforeAll(async () => {
    const [launcher, uid] = how;
    siege = await Siege.of(DaemonProcess.startBy(launcher, uid, '--socket-mode', '0666'));
  });
  afterAll(() => siege?.[Symbol.asyncDispose]());

  test('serves others while somebody takes all that he can have', async () => {
    await siege.withstandsOnce(() => Attack.start(siege.daemon, 'hoard.py', [], { processes: 4 }));
  });

  test('serves others while somebody never receives the fds that he asked for', async () => {
    await siege.withstandsOnce(() => Attack.start(siege.daemon, 'lazy_reader.py', ['fetch']));
  });
});
