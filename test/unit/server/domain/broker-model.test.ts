/**
 * The broker against a model that is too simple to be wrong: random operations of several sessions, some of them while
 * the kernel is slow, now and then a death of the daemon, and after every step the rules that hold whatever clients do.
 */
import * as fc from 'fast-check';
import { settle } from './fakes';
import { CROWD, is, type Operation, operation } from './model/operations';
import { World } from './model/world';

async function run(operations: readonly Operation[]): Promise<void> {
  const world = new World();
  for (const next of [...CROWD, ...operations]) {
    await world.perform(next);
    await settle();
    world.check();
  }
  await world.finish();
}

const STEPS = { maxLength: 100, size: 'max' } as const;
const RUNS = Number(process.env['DMABUFD_MODEL_RUNS'] ?? 100);

describe('the broker, whatever several sessions do', () => {
  test('agrees with the model after every step and leaves nothing when all have left', async () => {
    await fc.assert(fc.asyncProperty(fc.array(operation, STEPS), run), {
      numRuns: RUNS,
    });
  });

  test('keeps its books also when the kernel refuses to begin an access', async () => {
    const withFailures = fc.oneof(
      { weight: 10, arbitrary: operation },
      { weight: 1, arbitrary: fc.record({ do: is('fail-start') }) },
    );
    await fc.assert(fc.asyncProperty(fc.array(withFailures, STEPS), run), {
      numRuns: Math.ceil(RUNS / 2),
    });
  });

  test('pairs every START with one END also when fences come and go, ENDs fail, and the daemon stops in the middle', async () => {
    const withFences = fc.oneof(
      { weight: 10, arbitrary: operation },
      {
        weight: 2,
        arbitrary: fc.record({
          do: fc.constantFrom('fences', 'signal-fences', 'fail-start', 'fail-end'),
        }),
      },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(withFences, STEPS), async (operations) => {
        const world = new World();
        for (const next of [...CROWD, ...operations]) {
          await world.perform(next);
          await settle();
          world.check();
        }
        await world.stop();
      }),
      { numRuns: Math.ceil(RUNS / 2) },
    );
  });

  test('is taken over as it was before or after an operation, if it is killed in the middle of it', async () => {
    const cut = fc.nat(8);
    await fc.assert(
      fc.asyncProperty(
        fc.array(operation, { maxLength: 40, size: 'max' }),
        operation,
        cut,
        async (operations, last, notes) => {
          const world = new World();
          for (const next of [...CROWD, ...operations]) {
            await world.perform(next);
            await settle();
          }
          await world.dieIn(last, notes);
        },
      ),
      { numRuns: RUNS },
    );
  });
});
