/** sizes DIRECTORY COUNT: the SDK asks for the size of one buffer, one time after the other. */
import { connect } from '../../client';
import { time } from '../timings';
import { answer, argument } from './answer';

async function main(): Promise<void> {
  const broker = await connect({ runtimeDirectory: argument(0) });
  const buffer = await broker.allocate({ sizeBytes: 4096, heap: 'memfd' });
  answer(await time(() => buffer.size(), Number(argument(1))));
}

void main();
