/** accesses DIRECTORY CLIENTS COUNT: so many sessions, each with a buffer of its own, begin and end accesses to it. */
import { connect } from '../../client';
import { time } from '../timings';
import { answer, argument } from './answer';

async function main(): Promise<void> {
  const clients = Number(argument(1));
  const buffers = await Promise.all(
    Array.from({ length: clients }, async () => {
      const broker = await connect({ runtimeDirectory: argument(0) });
      const buffer = await broker.allocate({ sizeBytes: 4096, heap: 'memfd' });
      // So that the mapping, which is made once, is there.
      await buffer.access('write', () => {});
      return buffer;
    }),
  );
  const once = (client: number) => buffers[client]?.access('write', () => {}) ?? Promise.reject();
  answer(await time(once, Number(argument(2)), clients));
}

void main();
