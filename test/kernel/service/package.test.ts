import { once } from 'node:events';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { type Broker, connect } from '../../../client';
import { Load } from '../../e2e/service/load';
import { seeded } from '../../e2e/service/seeded';
import { eventually, patience } from '../../e2e/slowness';
import { packageFile } from './installed';
import { isActive, property, shell, shellBeside, tryShell } from './shell';

const RUNTIME_DIRECTORY = '/run/dmabufd';
const POLICY = '/etc/dmabufd/policy.yaml';
const OPTIONS = '/etc/default/dmabufd';

/** Everything of the system that a package could leave something in. */
function systemFiles(): string[] {
  const places = '/etc /usr /var/lib /run/dmabufd /run/systemd/transient';
  const ignored = [
    '/var/lib/apt',
    '/var/lib/containers',
    '/var/lib/dpkg',
    '/var/lib/systemd',
    '/usr/share/mime',
    '/etc/.pwd.lock',
  ];
  const found = tryShell(`find ${places} -xdev -not -type d 2>/dev/null`).output.trim().split('\n');
  // The lists of users are changed back, but with backups beside them.
  const isBackup = (path: string) =>
    /^\/etc\/(passwd|group|shadow|gshadow|subuid|subgid)-$/.test(path);
  return found
    .filter((path) => !isBackup(path) && !ignored.some((place) => path.startsWith(place)))
    .sort();
}

/** At random moments, so that each run finds others. A hundred are for a day with time: it is an emulated machine. */
const RESTARTS = Number(process.env['DMABUFD_TEST_RESTARTS'] ?? 4);
const SEED = Number(process.env['DMABUFD_TEST_SEED'] ?? Date.now() % 2 ** 31);

/** The same package as a later version. */
function laterPackage(): string {
  const tree = '/tmp/later';
  shell(`dpkg-deb --raw-extract ${packageFile()} ${tree}`);
  shell(`sed -i 's/^Version: .*/Version: 9.0.0/' ${tree}/DEBIAN/control`);
  shell(`sed -i 's/"version": ".*"/"version": "9.0.0"/' ${tree}/usr/lib/dmabufd/package.json`);
  shell(`dpkg-deb --root-owner-group --build ${tree} /tmp/later.deb && rm -r ${tree}`);
  return '/tmp/later.deb';
}

/** A client that holds a buffer over whatever happens to the daemon. */
async function holder() {
  const broker = await connect({ runtimeDirectory: RUNTIME_DIRECTORY, timeoutMs: patience() });
  const said: string[] = [];
  broker.on('disconnected', ({ message }) => said.push(`disconnected: ${message}`));
  broker.on('lost', ({ id }) => said.push(`lost ${id}`));
  const buffer = await broker.allocate({ sizeBytes: 2 ** 20, label: 'held' });
  await buffer.write(0, Buffer.from('held'));
  const mapping = await buffer.map();
  const owner = { broker, buffer };
  return {
    ...owner,
    /** After a restart: in the mapping that it has had all along, in the ledger, and by an access. */
    async stillHolds(): Promise<void> {
      const bytes = new Uint8Array(4);
      mapping.read(0, bytes);
      expect(Buffer.from(bytes).toString()).toBe('held');
      expect(Buffer.from(await buffer.read(0, 4)).toString()).toBe('held');
      expect(await broker.list()).toEqual([expect.objectContaining({ id: buffer.id })]);
      expect(said).toEqual([]);
    },
    async [Symbol.asyncDispose](): Promise<void> {
      mapping.unmap();
      await broker.close();
    },
  };
}

const restarted = (broker: Broker) =>
  once(broker, 'restarted', { signal: AbortSignal.timeout(patience()) });

/** Killed again and again before it has answered anything, a daemon on an emulated machine would be under no load at all. */
const goesOn = (load: Load) => {
  const before = load.operations;
  return eventually('the load goes on', () =>
    load.operations > before || load.failures.length > 0 ? true : undefined,
  );
};

/** 0 while there is none. */
const pidOf = () => Number(property('MainPID'));

describe('the package, on a Debian 13 system with systemd', () => {
  let before: string[] = [];

  beforeAll(() => {
    before = systemFiles();
    shell(`apt-get install --yes '${packageFile()}'`);
  }, patience(30_000));

  test('starts a broker that takes root for an administrator and has real dma-bufs', async () => {
    await isActive();
    const heaps: unknown = JSON.parse(shell('dmabufctl --timeout 600s --json heaps'));
    expect(heaps).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          name: 'system',
          memory: 'dma-buf',
          isDefault: true,
          unavailableReason: null,
        }),
        expect.objectContaining({ name: 'udmabuf', memory: 'dma-buf', unavailableReason: null }),
      ]),
    );
    await using broker = await connect({
      runtimeDirectory: RUNTIME_DIRECTORY,
      timeoutMs: patience(),
    });
    const frame = await broker.allocate({ sizeBytes: 2 ** 20 });
    await frame.write(0, Buffer.from('of a service'));
    expect(Buffer.from(await frame.read(0, 12)).toString()).toBe('of a service');
    await eventually('systemctl says how it does', () =>
      property('StatusText').startsWith('1 session, 1 buffer (1.0 MiB)') ? true : undefined,
    );
  });

  test('runs without root and without any capability, and is as confined as it still works', () => {
    const status = shell(`cat /proc/${pidOf()}/status`);
    const uid = shell('id -u dmabufd');
    expect(status).toMatch(new RegExp(`^Uid:\\t${uid}\\t${uid}\\t${uid}\\t${uid}$`, 'm'));
    expect(status).toMatch(/^CapEff:\t0+$/m);
    expect(status).toMatch(/^CapBnd:\t0+$/m);
    expect(status).toMatch(/^NoNewPrivs:\t1$/m);
    const [, exposure] =
      /exposure level for dmabufd\.service: ([\d.]+)/.exec(
        shell('systemd-analyze security --no-pager dmabufd.service'),
      ) ?? [];
    process.stdout.write(`systemd-analyze security: ${exposure}\n`);
    expect(Number(exposure)).toBeLessThanOrEqual(2);
  });

  test('takes little room', () => {
    const kibibytes = Number(
      shell("dpkg-query --status dmabufd | sed -n 's/^Installed-Size: //p'"),
    );
    process.stdout.write(
      `the package: ${(statSync(packageFile()).size / 2 ** 20).toFixed(1)} MiB, installed ${(kibibytes / 1024).toFixed(1)} MiB\n`,
    );
    expect(kibibytes).toBeLessThan(16 * 1024);
    expect(shell('find /usr/lib/dmabufd -name "*.ts" -o -name "*.cc" -o -name typescript')).toBe(
      '',
    );
  });

  test.each(['server', 'client/cli'])(
    'starts its %s with what V8 made of it at installation',
    (program) => {
      const directory = `/usr/lib/dmabufd/dist/${program}`;
      const witness = '/tmp/witness.js';
      writeFileSync(
        witness,
        `const vm = require('node:vm');
      vm.Script = class extends vm.Script {
        constructor(...of) { super(...of); console.log('rejected: ' + this.cachedDataRejected); }
      };`,
      );
      const [, ...options] = shell(`head -1 ${directory}/main.js`).trim().split('node');
      const node = `/usr/bin/node ${options.join('node')} --require ${witness}`;
      expect(shell(`${node} ${directory}/main.js --version`)).toMatch(/^rejected: false\n/);
      rmSync(witness);
    },
  );

  test('has man pages that say every option', () => {
    for (const [program, section] of [
      ['dmabufd', 8],
      ['dmabufctl', 1],
    ] as const) {
      const page = shell(`zcat /usr/share/man/man${section}/${program}.${section}.gz`);
      const options = shell(`${program} --help`).match(/--[a-z][a-z-]+/g) ?? [];
      for (const option of new Set(options)) {
        if (['--help', '--version'].includes(option)) continue;
        // A word of mdoc: `Fl -json` is --json.
        expect(page).toMatch(new RegExp(`Fl ${option.slice(1)}\\b`));
      }
    }
  });

  test('connects whoever is in the group dmabuf, and nobody else', () => {
    shell('useradd --groups dmabuf member; useradd outsider');
    expect(tryShell('runuser -u member -- dmabufctl --timeout 600s heaps').code).toBe(0);
    const refused = tryShell('runuser -u outsider -- dmabufctl --timeout 600s heaps');
    expect(refused.code).toBe(5);
    const group = shell('getent group dmabuf | cut -d: -f3');
    expect(refused.output).toContain(
      `this user may not connect to /run/dmabufd/control.sock: it is for group ${group};`,
    );
    shell('userdel member; userdel outsider');
  });

  test('gives a container the broker by CDI: as any user, with an account of its own, and no device', () => {
    shell('dmabufctl cdi --output /etc/cdi/dmabufd.json');
    // A root of its own, with this system's programs.
    shell(
      'mkdir -p /tmp/root/usr /tmp/root/etc && cd /tmp/root && ln -s usr/bin bin && ln -s usr/lib lib && ln -s usr/lib64 lib64',
    );
    const podman =
      'podman --storage-driver=vfs run --rm --network=none --cgroups=enabled --user=1234:1234 --volume=/usr:/usr:ro';
    const contained = (command: string) =>
      tryShell(`${podman} --device dmabufd.dev/broker=default --rootfs /tmp/root ${command}`);
    const explained = contained('dmabufctl policy explain');
    expect(explained).toMatchObject({ code: 0, output: expect.stringContaining('containers') });
    const devices = contained('ls /dev');
    expect(devices).toMatchObject({ code: 0, output: expect.stringContaining('null') });
    expect(devices.output).not.toMatch(/dma_heap|udmabuf/);
    shell('rm -rf /etc/cdi /tmp/root');
  });

  test('is started by the first who connects', async () => {
    shell('systemctl stop dmabufd.service');
    expect(property('ActiveState')).toBe('inactive');
    expect(shell('dmabufctl --timeout 600s status')).toContain('dmabufd');
    expect(property('ActiveState')).toBe('active');
  });

  test('is started again when it is killed: nobody loses anything, and who connects meanwhile is not refused', async () => {
    await using client = await holder();
    const pid = pidOf();
    const back = restarted(client.broker);
    shell('systemctl kill --signal=KILL dmabufd.service');
    shell('dmabufctl --timeout 600s heaps');
    await back;
    await isActive();
    expect(pidOf()).not.toBe(pid);
    await client.stillHolds();
    expect(shell('dmabufctl --timeout 600s list')).toContain('held');
  });

  test('loses nothing when it is restarted, and everything when it is stopped', async () => {
    await using client = await holder();
    const back = restarted(client.broker);
    shell('systemctl restart dmabufd.service');
    await back;
    await client.stillHolds();
    const stored = shell('systemd-analyze --no-pager fdstore dmabufd.service');
    expect(stored).toContain(`session-${client.broker.sessionId}`);
    expect(stored).toContain(`buffer-${client.buffer.id}`);
    const lost = once(client.broker, 'disconnected');
    shell('systemctl stop dmabufd.service');
    await lost;
    expect(Number(property('NFileDescriptorStore'))).toBe(0);
    expect(tryShell('ls /run/dmabufd-state').code).not.toBe(0);
  });

  test('stays down when it cannot be kept alive, until it is told to start again', async () => {
    const dropIn = '/run/systemd/system/dmabufd.service.d';
    shell(`mkdir -p ${dropIn} && printf '[Unit]\\nStartLimitBurst=2\\n' >${dropIn}/limit.conf`);
    shell('systemctl daemon-reload && systemctl reset-failed dmabufd.service');
    shell('systemctl restart dmabufd.service');
    for (let round = 0; round < 2; round += 1) {
      await isActive();
      shell('systemctl kill --signal=KILL dmabufd.service');
    }
    await eventually('it has failed', () =>
      property('ActiveState') === 'failed' ? true : undefined,
    );
    expect(tryShell('ls /run/dmabufd-state').code).not.toBe(0);
    rmSync(dropIn, { recursive: true });
    shell('systemctl daemon-reload');
    // As docs/operations.md has it.
    shell(
      'systemctl reset-failed dmabufd.service dmabufd.socket && systemctl start dmabufd.socket',
    );
    expect(shell('dmabufctl --timeout 600s status')).toContain('dmabufd');
  });

  test('stays down with a policy that has a mistake in it, until that is mended', () => {
    const mended = readFileSync(POLICY);
    writeFileSync(POLICY, 'version: 1\nrules: []\ndefault: sometimes\n');
    shell('systemctl stop dmabufd.socket dmabufd.service');
    expect(tryShell('systemctl start dmabufd.service').code).not.toBe(0);
    expect(property('ExecMainStatus')).toBe('78');
    expect(property('NRestarts')).toBe('0');
    writeFileSync(POLICY, mended);
    shell('systemctl start dmabufd.service');
  });

  test('has the options that are written down for it', () => {
    const usual = readFileSync(OPTIONS);
    writeFileSync(OPTIONS, 'DMABUFD_OPTIONS="--max-bytes 64M"\n');
    shell('systemctl restart dmabufd.service');
    expect(shell(`tr '\\0' ' ' </proc/${pidOf()}/cmdline`)).toContain('--max-bytes 64M');
    writeFileSync(OPTIONS, usual);
    shell('systemctl restart dmabufd.service');
  });

  test('is killed and started again by the watchdog when it hangs', async () => {
    // Less than the 30 s of the unit, and still more than an emulated machine needs to answer in.
    const dropIn = '/run/systemd/system/dmabufd.service.d';
    shell(
      `mkdir -p ${dropIn} && printf '[Service]\\nWatchdogSec=20\\nWatchdogSignal=SIGKILL\\n' >${dropIn}/watchdog.conf`,
    );
    shell('systemctl daemon-reload && systemctl restart dmabufd.service');
    await using client = await holder();
    const pid = pidOf();
    const back = restarted(client.broker);
    shell('systemctl kill --signal=STOP dmabufd.service');
    await eventually('another process', () =>
      pidOf() !== pid && pidOf() !== 0 ? true : undefined,
    );
    await isActive();
    await back;
    await client.stillHolds();
    expect(shell('journalctl --unit=dmabufd.service --output=cat')).toContain('Watchdog timeout');
    rmSync(dropIn, { recursive: true });
    shell('systemctl daemon-reload');
  });

  test('takes another policy when it is reloaded, and refuses a wrong one aloud', () => {
    const pid = pidOf();
    writeFileSync(POLICY, 'version: 1\nrules: []\ndefault: deny\n');
    shell('systemctl reload dmabufd.service');
    expect(shell('dmabufctl --timeout 600s policy explain --uid 12345')).toContain(
      'it is kept out',
    );
    writeFileSync(POLICY, 'version: 1\nrules: []\ndefault: sometimes\n');
    expect(tryShell('systemctl reload dmabufd.service').code).not.toBe(0);
    expect(shell('journalctl --unit=dmabufd.service --output=cat')).toContain(
      `${POLICY}:3: default`,
    );
    expect(shell('dmabufctl --timeout 600s policy explain --uid 12345')).toContain(
      'it is kept out',
    );
    expect(pidOf()).toBe(pid);
  });

  test(
    `is killed and restarted ${RESTARTS} times at random moments under load, and not a byte is lost`,
    async () => {
      process.stdout.write(`DMABUFD_TEST_SEED=${SEED}\n`);
      const random = seeded(SEED);
      await using load = await Load.start(RUNTIME_DIRECTORY, 3, random);
      const ways = [
        ...Array<string>(3).fill('systemctl kill --signal=KILL dmabufd.service'),
        'systemctl kill --signal=ABRT dmabufd.service',
        'systemctl restart dmabufd.service',
      ];
      for (let round = 0; round < RESTARTS && load.failures.length === 0; round += 1) {
        const back = restarted(load.first);
        await shellBeside(ways[Math.floor(random() * ways.length)] ?? '');
        await shellBeside('systemctl reset-failed dmabufd.service');
        // Now and then it is killed again before it has taken over.
        if (random() < 0.8) {
          await back;
          await goesOn(load);
        } else {
          back.catch(() => {});
        }
        await new Promise((resolve) => setTimeout(resolve, random() * 4_000));
      }
      await load.stop();
      expect(load.failures).toEqual([]);
      const buffers = await load.verify();
      process.stdout.write(
        `${RESTARTS} restarts, ${load.operations} operations, ${buffers} buffers at the end\n`,
      );
    },
    patience(60_000 + RESTARTS * 2_000),
  );

  test(
    'keeps the buffers when it is upgraded',
    async () => {
      await using client = await holder();
      const back = restarted(client.broker);
      shell(`apt-get install --yes '${laterPackage()}'`);
      await back;
      await client.stillHolds();
      expect((await client.broker.status()).version).toBe('9.0.0');
      rmSync('/tmp/later.deb');
    },
    patience(),
  );

  test('leaves nothing when it is purged', () => {
    shell('apt-get purge --yes dmabufd');
    expect(property('LoadState')).toBe('not-found');
    expect(systemFiles()).toEqual(before);
  });
});
