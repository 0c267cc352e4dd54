/**
 * In a container: a camera of two frames. It writes one after the other, every byte the frame's number, and publishes both. Says
 * when it has begun.
 *
 *     node frames-producer.js NAME
 */
import { setTimeout } from 'node:timers/promises';
import { connect } from '../../../../client';

const FRAME_BYTES = 65_536;

async function main(name: string): Promise<void> {
  const broker = await connect();
  const frames = await Promise.all([0, 1].map(() => broker.allocate({ sizeBytes: FRAME_BYTES })));
  for (const [slot, frame] of frames.entries()) await frame.share({ name: `${name}/${slot}` });
  process.stdout.write('publishing\n');
  for (let number = 0; ; number = (number + 1) % 256) {
    await frames[number % frames.length]?.access('write', (view) => view.fill(number));
    await setTimeout(50);
  }
}

void main(process.argv[2] ?? '');
