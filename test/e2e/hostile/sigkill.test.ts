import { setTimeout } from 'node:timers/promises';
import fc from 'fast-check';
import { ClientProcess } from '../client-process';
import { patience, SLOWNESS } from '../slowness';
import { Attack, compiled } from './attack';
import { describeAsRoot, Siege } from './siege';

/** A thousand where it does not take long: fifty at least. */
const RAW_ROUNDS = Math.max(Math.floor(950 / SLOWNESS), 40);
const SDK_ROUNDS = Math.max(Math.floor(50 / SLOWNESS), 10);
const AT_ONCE = 5;
const LONGEST_LIFE_MS = 40;

describeAsRoot('clients that are killed at any moment', () => {
  let siege: Siege;
  const seed = Number(process.env['DMABUFD_TEST_SEED'] ?? Date.now() % 2 ** 31);

  beforeAll(async () => {
    process.stderr.write(`DMABUFD_TEST_SEED=${seed}\n`);
    siege = await Siege.start();
  });
  afterAll(() => siege?.[Symbol.asyncDispose]());

  test(`leave nothing: ${RAW_ROUNDS} with bytes and memfds of their own`, async () => {
    const program = await compiled(siege.daemon, 'mortals.c');
    await siege.worksBeside(async () => {
      await using attack = await Attack.start(siege.daemon, program, [RAW_ROUNDS, seed]);
      await attack.finished();
      expect(attack.said).toEqual([String(RAW_ROUNDS)]);
    });
    await siege.settles();
  });

  test(`leave nothing: ${SDK_ROUNDS} with the SDK`, async () => {
    const moments = fc.sample(fc.tuple(fc.nat(LONGEST_LIFE_MS), fc.nat(3)), {
      seed,
      numRuns: SDK_ROUNDS,
    });
    await siege.worksBeside(async () => {
      const one = async (): Promise<void> => {
        for (let next = moments.pop(); next !== undefined; next = moments.pop()) {
          const [lifeMs, first] = next;
          await liveAndDie(lifeMs, first);
        }
      };
      await Promise.all(Array.from({ length: AT_ONCE }, one));
    });
    await siege.settles();
  });

  /** Begins many things without waiting for any, and is killed amid them. */
  async function liveAndDie(lifeMs: number, first: number): Promise<void> {
    await using client = await ClientProcess.start(siege.daemon);
    const end = AbortSignal.timeout(patience());
    const live = async (turn: number): Promise<void> => {
      const { id: bufferId } = await client.tell('allocate', { sizeBytes: 65_536 });
      const works = [
        () => client.tell('enter', { bufferId, mode: 'write' }),
        () => client.tell('share', { bufferId, name: `mortal/${client.pid}/${bufferId}` }),
        () => client.tell('adoptMemfd', { sizeBytes: 4096, label: 'mortal' }),
        () => client.tell('release', { bufferId }),
      ];
      await works[turn % works.length]?.();
      if (!end.aborted) await live(turn + 1);
    };
    const lives = [live(first), live(first + 1), live(first + 2)];
    // GONE: it was killed.
    const ended = Promise.allSettled(lives);
    await setTimeout(lifeMs);
    await client.kill();
    await ended;
  }
});
