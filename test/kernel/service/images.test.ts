import { join } from 'node:path';
import { eventually, patience } from '../../e2e/slowness';
import { projectRoot } from '../../jest-run';
import { Container, withPodman } from './podman';
import { shell, tryShell } from './shell';

const HEAP = '/dev/dma_heap/system';
/** The heap's, as a rule of the host's would have it. */
const HEAP_GROUP = 900;
const CONFINED = '--network=none --read-only --cap-drop=all';
const CLIENT = `${CONFINED} --volume=sockets:/run/dmabufd:ro`;

describe('the container images', () => {
  withPodman();

  beforeAll(() => {
    shell(`chgrp ${HEAP_GROUP} ${HEAP} && chmod 0660 ${HEAP}`);
  });
  afterAll(() => {
    shell(`chgrp root ${HEAP} && chmod 0600 ${HEAP}`);
  });

  test(
    'exchange real dma-bufs by the directory with the sockets, and nothing else',
    async () => {
      // With namespaces of its own, where it sees least of its clients.
      using broker = new Container(
        'broker',
        `${CONFINED} --device=${HEAP} --group-add=${HEAP_GROUP} --volume=sockets:/run/dmabufd dmabufd`,
      );
      await broker.says('"msg":"ready"');
      await broker.says('in a pid namespace of its own');
      using producer = new Container(
        'producer',
        `${CLIENT} --user=1001 dmabufd-frames node producer.js cam`,
      );
      // Who comes before there is anything to open is refused, and ends.
      await producer.says('publishing');
      using viewer = new Container(
        'viewer',
        `${CLIENT} --user=2001 dmabufd-frames node consumer.js cam`,
      );
      const recorder = tryShell(
        `podman run --rm ${CLIENT} --user=2002 dmabufd-frames node consumer.js cam 8`,
      );
      expect(recorder).toMatchObject({
        code: 0,
        output: expect.stringContaining('saw 8 frames of dma-buf'),
      });
      await viewer.says('frames of dma-buf, each of one piece');
      for (const { name } of [producer, viewer]) {
        expect(shell(`podman exec ${name} ls /dev`)).not.toMatch(/dma_heap|udmabuf/);
      }
      expect(broker.run('id -u').output.trim()).toBe('871');
      // By itself the engine would not wait for as long as an emulated machine needs.
      const [kind, ...check] = shell(
        `podman image inspect --format='{{join .HealthCheck.Test " "}}' dmabufd`,
      ).split(' ');
      expect(kind).toBe('CMD');
      expect(broker.run(check.join(' '))).toMatchObject({
        code: 0,
        output: expect.stringMatching(/not seen: +pid, name, unit and container of who is outside/),
      });
      // It knows by the pidfd that they have died, without a pid.
      shell(`podman kill --signal=KILL ${producer.name} ${viewer.name}`);
      await eventually('nothing of them is left', () =>
        /buffers: +0,/.test(broker.run('dmabufctl status').output) ? true : undefined,
      );
    },
    patience(60_000),
  );

  test('are those of a compose file that can be read', () => {
    const read = `cd ${join(projectRoot, 'docker')} && DMABUFD_HEAP_GID=${HEAP_GROUP} podman-compose config`;
    const services = shell(`${read} </dev/null 2>/dev/null`);
    for (const name of ['broker', 'producer', 'viewer', 'recorder']) {
      expect(services).toMatch(new RegExp(`^  ${name}:$`, 'm'));
    }
  });
});
