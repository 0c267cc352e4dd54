import { ClientProcess } from '../client-process';
import { eventually, SLOWNESS } from '../slowness';
import { ATTACKER_UID, Attack } from './attack';
import type { Denial } from './audit-log';
import { describeAsRoot, Siege } from './siege';

const PROCESSES = SLOWNESS > 1 ? 10 : 30;
const NEWCOMER_UID = 4003;
const MEBIBYTE = 2 ** 20;

const REFUSED = ['open-session', 'connect', 'allocate', 'share'];

function refusals(siege: Siege): Denial[] {
  return siege.denials().filter(({ code }) => code === 'resource-exhausted');
}

function refusedActions(siege: Siege): Set<string> {
  return new Set(refusals(siege).map(({ action }) => action));
}

describeAsRoot(`${PROCESSES} processes of one user that take all they can`, () => {
  let siege: Siege;

  beforeAll(async () => {
    const limits = ['--max-bytes', '256M', '--max-buffers', '96', '--max-sessions', '96'];
    siege = await Siege.start(...limits);
  });
  afterAll(() => siege?.[Symbol.asyncDispose]());

  test('leave enough to another: he connects, allocates his share and publishes it', async () => {
    await siege.worksBeside(async () => {
      await using attack = await Attack.start(siege.daemon, 'hoard.py', [], {
        processes: PROCESSES,
      });
      await siege.honest.rounds(3);
      await eventually('they have been refused all', () =>
        refusedActions(siege).size === REFUSED.length ? true : undefined,
      );
      const { lingeringBuffers, sessions } = await siege.daemon.totals();
      expect(lingeringBuffers).toBeGreaterThan(0);
      expect(sessions).toBeGreaterThan(20);
      await using newcomer = await ClientProcess.start(siege.daemon, NEWCOMER_UID);
      const { id } = await newcomer.tell('allocate', { sizeBytes: 32 * MEBIBYTE });
      await newcomer.tell('share', { bufferId: id, name: 'newcomer/frame' });
      await newcomer.tell('write', { bufferId: id, offset: 0, text: 'mine' });
      await newcomer.tell('release', { bufferId: id });
      await attack.end();
    });
    await siege.settles();
  });

  test('are refused what is over theirs, by the name of their account, and it is written down', () => {
    expect(refusedActions(siege)).toEqual(new Set(REFUSED));
    for (const denial of refusals(siege)) {
      expect(denial).toMatchObject({
        level: 35,
        account: `uid ${ATTACKER_UID}`,
        peer: { uid: ATTACKER_UID },
        rule: 'everybody (built in)',
        reason: expect.stringMatching(/ holds \d+ of at most \d+/),
      });
    }
  });
});
