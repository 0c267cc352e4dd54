import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually, patience } from '../../e2e/slowness';
import { projectRoot } from '../../jest-run';
import { installedPackage } from './installed';
import { shell, tryShell } from './shell';

const POLICY = '/etc/dmabufd/policy.yaml';
const PROGRAMS = join(projectRoot, 'dist', 'test', 'kernel', 'service', 'programs');
const ROOT = '/tmp/root';
/** A root of its own with this system's programs, the project, and nothing else: no device of it, no network. */
const PODMAN = [
  'podman --storage-driver=vfs run --network=none --cgroups=enabled',
  '--volume=/usr:/usr:ro',
  `--volume=${projectRoot}:${projectRoot}:ro`,
].join(' ');
const SMALL_CONTAINERS = `version: 1
rules:
  - name: small
    match: { container: "*" }
    allow: { bytes: 1M, publish: "**" }
    per: container
default: deny
`;
const BROKER = '--device dmabufd.dev/broker=default';

const program = (name: string, ...args: readonly (string | number)[]) =>
  `node ${join(PROGRAMS, `${name}.js`)} ${args.join(' ')}`;

/** To its end. */
const contained = (options: string, command: string) =>
  tryShell(`${PODMAN} --rm ${BROKER} ${options} --rootfs ${ROOT} ${command}`);

/** One that goes on, until it is disposed of. */
class Container implements Disposable {
  constructor(
    readonly name: string,
    options: string,
    command: string,
  ) {
    shell(`${PODMAN} --detach --name=${name} ${BROKER} ${options} --rootfs ${ROOT} ${command}`);
  }

  get id(): string {
    return shell(`podman --storage-driver=vfs inspect --format='{{.Id}}' ${this.name}`);
  }

  async says(text: string): Promise<void> {
    await eventually(`${this.name} says ${text}`, () => {
      const said = tryShell(`podman --storage-driver=vfs logs ${this.name}`).output;
      return said.includes(text) ? true : undefined;
    });
  }

  /** The exit code that it ends with. */
  ended(): number {
    return Number(shell(`podman --storage-driver=vfs wait ${this.name}`));
  }

  run(command: string) {
    return tryShell(`podman --storage-driver=vfs exec ${this.name} ${command}`);
  }

  [Symbol.dispose](): void {
    tryShell(`podman --storage-driver=vfs rm --force --time=0 ${this.name}`);
  }
}

interface Listed {
  readonly id: number;
  readonly leases: readonly { readonly peer: { readonly container: string } }[];
}

const shown = (id: number): Listed => JSON.parse(shell(`dmabufctl --json show ${id}`));

describe('containers that are given the broker by CDI', () => {
  installedPackage();

  beforeAll(() => {
    shell('mkdir -p /etc/cdi && dmabufctl cdi >/etc/cdi/dmabufd.json');
    shell(`mkdir -p ${ROOT}/usr ${ROOT}/etc ${ROOT}${projectRoot}`);
    shell(`cd ${ROOT} && ln -s usr/bin bin && ln -s usr/lib lib && ln -s usr/lib64 lib64`);
  });
  afterAll(() => {
    shell(`rm -rf /etc/cdi ${ROOT}`);
  });

  test(
    'exchange real dma-bufs, frame by frame, whatever user each runs as; one that is killed in the middle of one keeps nobody waiting',
    async () => {
      using producer = new Container('producer', '--user=1001', program('frames-producer', 'cam'));
      await producer.says('publishing');
      {
        using first = new Container('first', '--user=2001', program('frames-consumer', 'cam', 8));
        using second = new Container('second', '--user=0', program('frames-consumer', 'cam', 8));
        expect([first.ended(), second.ended()]).toEqual([0, 0]);
        await first.says('saw 8 frames of dma-buf');
      }
      const [frame]: Listed[] = JSON.parse(shell('dmabufctl --json list'));
      const { leases } = shown(frame?.id ?? 0);
      expect(leases.map(({ peer }) => peer.container)).toEqual([producer.id]);

      using killed = new Container('killed', '--user=2001', program('stay-inside', 'cam'));
      await killed.says('inside');
      shell('podman --storage-driver=vfs kill --signal=KILL killed');
      const after = contained('--user=2002', program('frames-consumer', 'cam', 8));
      expect(after).toMatchObject({ code: 0, output: expect.stringContaining('saw 8 frames') });
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
        using one = new Container('one', '--user=1001', 'dmabufctl allocate 768K --publish one');
        using two = new Container('two', '--user=1001', 'sleep 600');
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
