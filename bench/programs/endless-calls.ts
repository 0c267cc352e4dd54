/** endless-calls DIRECTORY AT_ONCE: unary calls, so many in flight, until it is ended. Says `ready` when they have begun. */
import { connect } from '../../client';
import { argument } from './answer';

async function main(): Promise<void> {
  const broker = await connect({ runtimeDirectory: argument(0) });
  const buffer = await broker.allocate({ sizeBytes: 4096, heap: 'memfd' });
  const work = async () => {
    for (;;) await buffer.size();
  };
  const all = Array.from({ length: Number(argument(1)) }, work);
  process.stdout.write('ready\n');
  await Promise.all(all);
}

void main();
