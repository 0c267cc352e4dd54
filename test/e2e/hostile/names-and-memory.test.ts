import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClientProcess } from '../client-process';
import { DaemonProcess } from '../daemon-process';
import { eventually } from '../slowness';
import { ATTACKER_UID, Attack } from './attack';
import { denialsIn } from './audit-log';
import { describeAsRoot, HONEST_UID, Siege } from './siege';

const SIZE = 4096;

describeAsRoot('a name that is squatted', () => {
  test('is its owner’s no more than anybody’s without a policy, and who has it is written down', async () => {
    await using daemon = await DaemonProcess.start('--socket-mode', '0666');
    chmodSync(daemon.directory, 0o755);
    await using squatter = await ClientProcess.start(daemon, ATTACKER_UID);
    await using owner = await ClientProcess.start(daemon, HONEST_UID);
    const { id: squatted } = await squatter.tell('allocate', { sizeBytes: SIZE });
    await squatter.tell('share', { bufferId: squatted, name: 'camera0/preview' });
    const { id } = await owner.tell('allocate', { sizeBytes: SIZE });
    const published = owner.tell('share', { bufferId: id, name: 'camera0/preview' });
    await expect(published).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
    const [denial] = await eventually('the audit log tells', () => {
      const found = denialsIn(daemon.log).filter(({ action }) => action === 'share');
      return found.length > 0 ? found : undefined;
    });
    expect(denial).toMatchObject({
      level: 35,
      code: 'already-exists',
      peer: { uid: HONEST_UID },
      account: `uid ${HONEST_UID}`,
      rule: 'everybody (built in)',
      details: { name: 'camera0/preview' },
    });
    const allowed = daemon.log
      .split('\n')
      .find((line) => line.includes('"action":"share"') && line.includes('"outcome":"allow"'));
    expect(JSON.parse(allowed ?? '{}')).toMatchObject({
      peer: { uid: ATTACKER_UID, pid: squatter.pid },
      details: { name: 'camera0/preview' },
    });
    await squatter.kill();
    await eventually('the name is free', () =>
      owner.tell('share', { bufferId: id, name: 'camera0/preview' }).catch(() => undefined),
    );
  });

  test('is only for whom the policy reserves it', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'dmabufd-policy-'));
    const policy = join(directory, 'policy.yaml');
    writeFileSync(
      policy,
      `version: 1
rules:
  - name: camera
    match: {uid: ${HONEST_UID}}
    allow: {publish: ["camera0/*"], open: ["**"], adopt: true}
default:
  allow: {open: ["**"], publish: []}
`,
    );
    try {
      await using daemon = await DaemonProcess.start('--socket-mode', '0666', '--policy', policy);
      chmodSync(daemon.directory, 0o755);
      await using squatter = await ClientProcess.start(daemon, ATTACKER_UID);
      await using owner = await ClientProcess.start(daemon, HONEST_UID);
      const { id: squatted } = await squatter.tell('allocate', { sizeBytes: SIZE });
      const squats = squatter.tell('share', { bufferId: squatted, name: 'camera0/preview' });
      await expect(squats).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
      const { id } = await owner.tell('allocate', { sizeBytes: SIZE });
      await owner.tell('share', { bufferId: id, name: 'camera0/preview' });
      expect(await squatter.tell('open', { name: 'camera0/preview' })).toMatchObject({ id });
      expect(denialsIn(daemon.log)).toMatchObject([
        { level: 35, action: 'share', peer: { uid: ATTACKER_UID }, code: 'permission-denied' },
      ]);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

describeAsRoot('a memfd that its owner changes under a reader', () => {
  let siege: Siege;

  beforeAll(async () => {
    siege = await Siege.start();
  });
  afterAll(() => siege?.[Symbol.asyncDispose]());

  test('cannot be cut, and holes that are punched in it read as zeros', async () => {
    await siege.worksBeside(async () => {
      await using attack = await Attack.start(siege.daemon, 'cutter.py', ['cut']);
      await using reader = await ClientProcess.start(siege.daemon, HONEST_UID);
      const { id: bufferId } = await reader.tell('open', { name: 'cut' });
      await reader.tell('keep', { bufferId, what: 'mapping' });
      await eventually('enough attempts', async () => {
        const text = await reader.tell('read', { bufferId, offset: 1 << 19, length: 4096 });
        expect(text).toMatch(/^[\0\ufffd]{4096}$/);
        return attack.said.length >= 10 ? true : undefined;
      });
    });
    await siege.settles();
  });

  test('is not taken if it could be cut', async () => {
    await siege.worksBeside(async () => {
      const refused = Attack.start(siege.daemon, 'bring.py');
      await expect(refused).rejects.toThrow(
        /the fd is a memfd without F_SEAL_SHRINK, which could be cut/,
      );
    });
    await siege.settles();
  });
});

describeAsRoot('a memfd on which its owner makes others wait', () => {
  let siege: Siege;

  beforeAll(async () => {
    siege = await Siege.start();
  });
  afterAll(() => siege?.[Symbol.asyncDispose]());

  test.each(['lease', 'read'])('keeps nobody but its owner waiting: %s', async (how) => {
    await siege.worksBeside(async () => {
      await using attack = await Attack.start(siege.daemon, 'waiter.py', [how]);
      await eventually('enough attempts', () => (attack.said.length >= 10 ? true : undefined));
      await siege.honest.rounds(3);
      await attack.end();
    });
    await siege.settles();
  });

  test('is not opened by anybody while its owner has a lease on it, and that is said', () => {
    const opens = siege.denials().filter(({ action }) => action === 'open');
    expect(opens[0]).toMatchObject({
      code: 'failed-precondition',
      reason: expect.stringContaining('has a lease on it (F_SETLEASE)'),
    });
  });
});
