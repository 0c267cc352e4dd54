/**
 * In a container: begins to write a frame, says so, and never ends.
 *
 *     node stay-inside.js NAME
 */
import { connect } from '../../../../client';

async function main(name: string): Promise<void> {
  const broker = await connect();
  const frame = await broker.open({ name: `${name}/0` });
  await frame.access('write', async () => {
    process.stdout.write('inside\n');
    await new Promise(() => {});
  });
}

void main(process.argv[2] ?? '');
