/**
 * In a container: reads the frames of a producer until it has seen some that are new, and each of one piece. Exits with an error if
 * one is not.
 *
 *     node frames-consumer.js NAME FRAMES
 */
import { connect } from '../../../../client';

async function main(name: string, wanted: number): Promise<void> {
  const broker = await connect();
  const frames = await Promise.all([0, 1].map((slot) => broker.open({ name: `${name}/${slot}` })));
  const seen = new Set<number>();
  for (let turn = 0; seen.size < wanted; turn += 1) {
    const bytes = await frames[turn % frames.length]?.read();
    const [number = 0] = bytes ?? [];
    if (bytes?.some((byte) => byte !== number)) throw new Error(`frame ${number} is torn`);
    seen.add(number);
  }
  process.stdout.write(`saw ${seen.size} frames of ${frames[0]?.description.memory}\n`);
  await broker.close();
}

void main(process.argv[2] ?? '', Number(process.argv[3])).catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exit(1);
});
