import { patience } from '../slowness';
import { Load } from './load';
import { ManagedDaemon } from './managed-daemon';
import { seeded } from './seeded';

const SEED = Number(process.env['DMABUFD_TEST_SEED'] ?? Date.now() % 2 ** 31);
const ROUNDS = Number(process.env['DMABUFD_TEST_RESTARTS'] ?? 40);

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

test(
  `a daemon that is killed ${ROUNDS} times, in the middle of whatever it does, loses not a byte, and no client notices`,
  async () => {
    process.stdout.write(`DMABUFD_TEST_SEED=${SEED}\n`);
    const random = seeded(SEED);
    await using managed = await ManagedDaemon.start();
    await using load = await Load.start(managed.runtimeDirectory, 4, random);
    for (let round = 0; round < ROUNDS && load.failures.length === 0; round += 1) {
      await pause(random() * 400);
      managed.kill(random() < 0.8 ? 'SIGKILL' : 'SIGTERM');
      await managed.started();
      // Now and then it has not even taken over yet.
      if (random() < 0.8) await managed.ready();
    }
    await load.stop();
    expect(load.failures).toEqual([]);
    const buffers = await load.verify();
    process.stdout.write(
      `${ROUNDS} restarts, ${load.operations} operations, ${buffers} buffers at the end\n`,
    );
  },
  patience(300_000),
);
