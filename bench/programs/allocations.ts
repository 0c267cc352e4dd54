/** allocations DIRECTORY COUNT: the SDK has a small buffer made and gives it back, one time after the other. */
import { connect } from '../../client';
import { time } from '../timings';
import { answer, argument } from './answer';

async function main(): Promise<void> {
  const broker = await connect({ runtimeDirectory: argument(0) });
  const once = async () => (await broker.allocate({ sizeBytes: 4096, heap: 'memfd' })).release();
  answer(await time(once, Number(argument(1))));
}

void main();
