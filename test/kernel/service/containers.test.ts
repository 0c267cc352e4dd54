import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { patience } from '../../e2e/slowness';
import { projectRoot } from '../../jest-run';
import { installedPackage } from './installed';
import { Container, withPodman } from './podman';
import { shell, tryShell } from './shell';

const POLICY = '/etc/dmabufd/policy.yaml';
const STAY_INSIDE = join(__dirname, 'programs', 'stay-inside.js');
const ROOT = '/tmp/root';
/** A root of its own with this system's programs, the project, and nothing else: no device of it, no network. */
const OPTIONS = [
  '--network=none --cgroups=enabled',
  '--volume=/usr:/usr:ro',
  `--volume=${projectRoot}:${projectRoot}:ro`,
  '--device dmabufd.dev/broker=default',
].join(' ');
const SMALL_CONTAINERS = `version: 1
rules:
  - name: small
    match: { container: "*" }
    allow: { bytes: 1M, publish: "**" }
    per: container
default: deny
`;

const frames = (program: string, ...args: readonly (string | number)[]) =>
  `node ${join(projectRoot, 'docker', 'frames', `${program}.js`)} ${args.join(' ')}`;

const started = (name: string, options: string, command: string) =>
  new Container(name, `${OPTIONS} ${options} --rootfs ${ROOT} ${command}`);

/** To its end. */
const contained = (options: string, command: string) =>
  tryShell(`podman run --rm ${OPTIONS} ${options} --rootfs ${ROOT} ${command}`);

interface Listed {
  readonly id: number;
  readonly leases: readonly { readonly peer: { readonly container: string } }[];
}

const shown = (id: number): Listed => JSON.parse(shell(`dmabufctl --json show ${id}`));

describe('containers that are given the broker by CDI', () => {
  installedPackage();
  withPodman();

  beforeAll(() => {
    shell('dmabufctl cdi --output /etc/cdi/dmabufd.json');
    shell(`mkdir -p ${ROOT}/usr ${ROOT}/etc ${ROOT}${projectRoot}`);
    shell(`cd ${ROOT} && ln -s usr/bin bin && ln -s usr/lib lib && ln -s usr/lib64 lib64`);
  });
  afterAll(() => {
    shell(`rm -rf /etc/cdi ${ROOT}`);
  });

  test(
    'exchange real dma-bufs, whatever user each runs as; one that is killed in the middle of a frame keeps nobody waiting',
    async () => {
      using producer = started('producer', '--user=1001', frames('producer', 'cam'));
      await producer.says('publishing');
      const [frame]: Listed[] = JSON.parse(shell('dmabufctl --json list'));
      const { leases } = shown(frame?.id ?? 0);
      expect(leases.map(({ peer }) => peer.container)).toEqual([producer.id]);

      using killed = started('killed', '--user=2001', `node ${STAY_INSIDE} cam`);
      await killed.says('inside');
      shell('podman kill --signal=KILL killed');
      const after = contained('--user=0', frames('consumer', 'cam', 8));
      expect(after).toMatchObject({
        code: 0,
        output: expect.stringContaining('saw 8 frames of dma-buf'),
      });
      expect(shown(frame?.id ?? 0).leases).toHaveLength(1);
    },
    patience(60_000),
  );

  describe('where everybody may connect', () => {
    beforeAll(() => {
      shell('systemctl stop dmabufd.service dmabufd.socket');
      const dropIn = '/run/systemd/system/dmabufd.socket.d';
      shell(`mkdir -p ${dropIn} && printf '[Socket]\\nSocketMode=0666\\n' >${dropIn}/mode.conf`);
      shell('systemctl daemon-reload && systemctl start dmabufd.socket dmabufd.service');
    }, patience());
    afterAll(() => {
      shell('rm -r /run/systemd/system/dmabufd.socket.d && systemctl daemon-reload');
    });

    theyAreToldApart();
  });
});

/** Who is in another group, or in none that is known outside, may connect there, too. */
function theyAreToldApart(): void {
  test(
    'have a quota each, by the container that the kernel attests, and not by their users',
    async () => {
      const before = readFileSync(POLICY, 'utf8');
      writeFileSync(POLICY, SMALL_CONTAINERS);
      try {
        shell('systemctl reload dmabufd.service');
        using one = started('one', '--user=1001', 'dmabufctl allocate 768K --publish one');
        using two = started('two', '--user=1001', 'sleep 600');
        await one.says('one');
        const more = 'dmabufctl allocate 768K --for 1ms';
        expect(one.run(more)).toMatchObject({
          code: 6,
          output: expect.stringContaining(`container ${one.id}`),
        });
        expect(two.run(more)).toMatchObject({ code: 0 });
        shell('useradd --uid 1001 visitor');
        const outside = tryShell('runuser -u visitor -- dmabufctl allocate 4K --for 1ms');
        expect(outside).toMatchObject({
          code: 5,
          output: expect.stringContaining('is kept out by rule everybody'),
        });
        shell('userdel visitor');
      } finally {
        writeFileSync(POLICY, before);
        shell('systemctl reload dmabufd.service');
      }
    },
    patience(60_000),
  );

  test('in a user namespace are told apart by the users that they are outside of it', () => {
    const mapped = '--uidmap=0:100000:65536 --gidmap=0:100000:65536 --user=0';
    const root = contained(mapped, 'dmabufctl --json policy explain');
    expect(root.code).toBe(0);
    const explained: { readonly peer: { readonly uid: number; readonly isContained: boolean } } =
      JSON.parse(root.output);
    expect(explained.peer).toMatchObject({ uid: 100_000 });
    expect(contained(mapped, 'dmabufctl list').code).toBe(5);
  });
}
