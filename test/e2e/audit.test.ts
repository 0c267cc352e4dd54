import { ClientProcess } from './client-process';
import { DaemonProcess } from './daemon-process';
import { eventually } from './slowness';

const AUDIT_LEVEL = 35;

interface AuditLine {
  readonly action: string;
  readonly outcome: string;
  readonly [member: string]: unknown;
}

describe('the audit trail', () => {
  let daemon: DaemonProcess;
  let client: ClientProcess;

  beforeAll(async () => {
    daemon = await DaemonProcess.start('--log-level', 'audit');
    client = await ClientProcess.start(daemon);
  });
  afterAll(async () => {
    await client?.kill();
    await daemon?.[Symbol.asyncDispose]();
  });

  function lines(): AuditLine[] {
    return daemon.log
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line))
      .filter(({ level }) => level === AUDIT_LEVEL);
  }

  /** The log is written a moment later. */
  function record(action: string, outcome: string): Promise<AuditLine> {
    return eventually(`${action} is recorded`, () =>
      lines().find((line) => line.action === action && line.outcome === outcome),
    );
  }

  const uid = process.getuid?.();

  test('has one record for each allow, with the peer, its account and the rule', async () => {
    const { id } = await client.tell('allocate', { sizeBytes: 4096, label: 'audited' });
    const { grantId } = await client.tell('share', { bufferId: id, name: 'audited/name' });
    await client.tell('release', { bufferId: id });
    const common = {
      sessionId: client.sessionId,
      peer: { pid: client.pid, uid },
      account: `administrator uid ${uid}`,
      rule: 'administrators (built in)',
    };
    expect(await record('open-session', 'allow')).toMatchObject(common);
    expect(await record('allocate', 'allow')).toMatchObject({
      ...common,
      details: { bufferId: id, sizeBytes: 4096, label: 'audited' },
    });
    expect(await record('share', 'allow')).toMatchObject({
      ...common,
      details: { grantId, bufferId: id, by: 'name', name: 'audited/name' },
    });
    expect(await record('release', 'allow')).toMatchObject({
      ...common,
      details: { bufferId: id },
    });
  });

  test('has one for each deny, with what was answered', async () => {
    await expect(client.tell('open', { name: 'nobody/published' })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    expect(await record('open', 'deny')).toMatchObject({
      sessionId: client.sessionId,
      code: 'not-found',
      reason: expect.stringContaining('nobody/published'),
      details: { by: 'name', name: 'nobody/published' },
    });
  });

  test('is kept when all that is less is off', async () => {
    await record('open-session', 'allow');
    const levels = daemon.log
      .split('\n')
      .filter((line) => line !== '')
      .map((line): number => JSON.parse(line).level);
    expect(Math.min(...levels)).toBe(AUDIT_LEVEL);
  });

  test('never has a secret in it, whether it opens something or not', async () => {
    const { id } = await client.tell('allocate', { sizeBytes: 4096 });
    const { secretHex } = await client.tell('share', { bufferId: id });
    const wrongHex = 'ab'.repeat(32);
    await client.tell('open', { secretHex });
    await expect(client.tell('open', { secretHex: wrongHex })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
    await eventually('both are recorded', () => {
      const bySecret = lines().filter(({ action, details }) => {
        return action === 'open' && JSON.stringify(details).includes('"by":"secret"');
      });
      return bySecret.length === 2 ? true : undefined;
    });
    for (const hex of [secretHex, wrongHex]) {
      const bytes = Buffer.from(hex, 'hex');
      for (const text of [hex, bytes.toString('base64'), bytes.toString('latin1')]) {
        expect(daemon.log).not.toContain(text);
      }
    }
  });
});
