import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { CONTROL_SOCKET_NAME } from '../../../proto';
import { Opcode } from '../../../proto/fd-numbers';
import type { Theft } from '../processes/call-with-token';
import { RawFdClient } from '../raw-fd-client';
import { eventually } from '../slowness';
import { ATTACKER_UID, Attack, compiled } from './attack';
import { describeAsRoot, Siege } from './siege';

const THIEF = join(__dirname, '..', 'processes', 'call-with-token.js');
const UNAUTHENTICATED = 16;

describeAsRoot('somebody who would be somebody else', () => {
  let siege: Siege;

  beforeAll(async () => {
    siege = await Siege.start();
  });
  afterAll(() => siege?.[Symbol.asyncDispose]());

  test.each([
    ['the same', 0],
    ['another', ATTACKER_UID],
  ])(
    'by a token stolen from another process of %s user is refused, and it is written down',
    async (_, uid) => {
      using victim = await RawFdClient.connect(siege.daemon);
      const thief = fork(THIEF);
      const theft: Theft = {
        controlSocket: join(siege.daemon.runtimeDirectory, CONTROL_SOCKET_NAME),
        tokenHex: Buffer.from(victim.token).toString('hex'),
        uid,
      };
      thief.send(theft);
      const [outcome] = await once(thief, 'message');
      expect(outcome).toBe('UNAUTHENTICATED');
      await eventually('the audit log tells', () =>
        siege.denials().find(({ peer, action }) => {
          return peer.pid === thief.pid && action === 'authenticate';
        }),
      );
      expect(siege.denials().find(({ peer }) => peer.pid === thief.pid)).toMatchObject({
        level: 35,
        outcome: 'deny',
        code: 'unauthenticated',
        peer: { uid },
        account: uid === 0 ? `administrator uid ${uid}` : `uid ${uid}`,
        rule: uid === 0 ? 'administrators (built in)' : 'everybody (built in)',
        details: { path: '/dmabufd.v1.BufferService/AllocateBuffer' },
      });
      expect(siege.daemon.log).not.toContain(theft.tokenHex);
    },
  );

  test('by a pid that was used again is nobody', async () => {
    const program = await compiled(siege.daemon, 'pid_reuse.c');
    const { pid } = siege.daemon;
    process.kill(pid, 'SIGSTOP');
    const reuse = Attack.start(siege.daemon, program).finally(() => process.kill(pid, 'SIGCONT'));
    await using attack = await reuse;
    await attack.finished();
    const [reused, onFdSocket, onControl] = attack.said;
    // Either is right: told that it is not known, or not told anything.
    expect([`opcode ${Opcode.GOODBYE}, status ${UNAUTHENTICATED}`, 'opcode 0, status 0']).toContain(
      onFdSocket,
    );
    expect(onControl).toBe('control 0');
    await siege.settles();
    const sessions = siege.daemon.log.split('\n').filter((line) => line.includes('session opened'));
    expect(sessions.some((line) => line.includes(`"pid":${reused},`))).toBe(false);
  });

  test('by a connection that its parent left to it has nothing once that is killed', async () => {
    await siege.withstandsOnce(() => Attack.start(siege.daemon, 'inherit.py'));
  });
});
