import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually, patience } from '../../e2e/slowness';
import { projectRoot } from '../../jest-run';
import { Container, inspect, saysOf, withPodman } from './podman';
import { shell, tryShell } from './shell';

const HEAP = '/dev/dma_heap/system';
/** The heap's, as a rule of the host's would have it. */
const HEAP_GROUP = 900;
const CLIENTS = ['dmabufd_producer_1', 'dmabufd_viewer_1', 'dmabufd_recorder_1'];

/** The check of the image starts a program of node's, for which an emulated machine needs longer than is right elsewhere. */
const PATIENT = '/tmp/patient.yaml';
const HEALTHCHECK = `services:
  broker:
    healthcheck:
      test: [CMD, dmabufctl, --runtime-dir, /run/dmabufd, status]
      interval: 5s
      timeout: 10m
      retries: 50
`;

function compose(command: string): string {
  return shell(
    `cd ${join(projectRoot, 'docker')} && DMABUFD_HEAP_GID=${HEAP_GROUP} podman-compose -f compose.yaml -f ${PATIENT} ${command} >/tmp/compose.log 2>&1 </dev/null || { cat /tmp/compose.log; false; }`,
  );
}

describe('the container images', () => {
  withPodman();

  beforeAll(() => {
    writeFileSync(PATIENT, HEALTHCHECK);
    shell(`chgrp ${HEAP_GROUP} ${HEAP} && chmod 0660 ${HEAP}`);
  });
  afterAll(() => {
    shell(`chgrp root ${HEAP} && chmod 0600 ${HEAP}`);
  });

  test(
    'of compose.yaml exchange real dma-bufs by the directory with the sockets, and nothing else',
    async () => {
      try {
        compose('up --detach --no-build');
        for (const viewer of CLIENTS.slice(1)) {
          await saysOf(viewer, 'frames of dma-buf, each of one piece');
        }
        expect(inspect('dmabufd_broker_1', '{{.State.Health.Status}}')).toBe('healthy');
        expect(shell('podman exec dmabufd_broker_1 id -u')).not.toBe('0');
        expect(inspect('dmabufd_broker_1', '{{.EffectiveCaps}}')).toBe('[]');
        for (const client of CLIENTS) {
          const format =
            '{{.HostConfig.PidMode}} {{.HostConfig.NetworkMode}} {{.HostConfig.Privileged}} {{.EffectiveCaps}} {{.HostConfig.Devices}} {{range .Mounts}}{{.Destination}} {{.RW}}{{end}}';
          expect(inspect(client, format)).toBe('private none false [] [] /run/dmabufd false');
        }
        expect(shell('podman exec dmabufd_viewer_1 ls /dev')).not.toMatch(/dma_heap|udmabuf/);
      } finally {
        compose('down --volumes');
      }
    },
    patience(60_000),
  );

  test(
    'serve clients also from a broker with namespaces of its own, which says what it does not see of them',
    async () => {
      const confined = '--network=none --read-only --cap-drop=all';
      const clients = `${confined} --volume=sockets:/run/dmabufd:ro`;
      using broker = new Container(
        'broker',
        `${confined} --device=${HEAP} --group-add=${HEAP_GROUP} --volume=sockets:/run/dmabufd dmabufd`,
      );
      await broker.says('"msg":"ready"');
      await broker.says('in a pid namespace of its own');
      using producer = new Container(
        'producer',
        `${clients} --user=1001 dmabufd-frames node producer.js cam`,
      );
      await producer.says('publishing');
      const consumer = tryShell(
        `podman run --rm ${clients} --user=2001 dmabufd-frames node consumer.js cam 8`,
      );
      expect(consumer).toMatchObject({
        code: 0,
        output: expect.stringContaining('saw 8 frames of dma-buf'),
      });
      const { output } = broker.run('dmabufctl status');
      expect(output).toMatch(/not seen: +pid, name, unit and container of who is outside/);
      // It knows by the pidfd that the producer has died, without a pid.
      shell('podman kill --signal=KILL producer');
      await eventually('nothing of the producer is left', () =>
        /buffers: +0,/.test(broker.run('dmabufctl status').output) ? true : undefined,
      );
    },
    patience(60_000),
  );
});
