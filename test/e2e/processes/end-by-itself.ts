/**
 * A client that watches and calls, and closes its broker when its standard input ends. It then has nothing left to do, so the
 * process ends, unless something of the SDK keeps it.
 */
import { connect, DmabufdError } from '../../../client';
import { patience } from '../slowness';

const codeOf = (error: unknown) => (error instanceof DmabufdError ? error.code : String(error));

async function main(runtimeDirectory: string): Promise<void> {
  const broker = await connect({ runtimeDirectory, timeoutMs: patience() });
  const stream = await broker.watch();
  process.stdout.write('ready\n');
  for await (const _ of process.stdin);
  const event = stream.next().catch(codeOf);
  const call = broker.heaps({ timeoutMs: Number.POSITIVE_INFINITY }).catch(codeOf);
  await broker.close();
  process.stdout.write(`${JSON.stringify([await event, await call])}\n`);
}

void main(process.argv[2] ?? '');
