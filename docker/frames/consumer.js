// A viewer: reads the frames that producer.js publishes, and checks that each is of one piece. With FRAMES it ends when it has seen as
// many different ones.
//
//     node consumer.js NAME [FRAMES]
const { setTimeout: sleep } = require('node:timers/promises');
const { connect } = require('dmabufd');

const RING = [0, 1];
const PERIOD_MS = 25;
const REPORT_EVERY = 100;

async function main(name, wanted) {
  const broker = await connect();
  const frames = [];
  for (const slot of RING) frames.push(await broker.open({ name: `${name}/${slot}` }));
  const { memory } = frames[0].description;
  const seen = new Set();
  for (let turn = 1; seen.size < wanted; turn += 1) {
    // In place: a view of the very memory that the producer writes.
    await frames[turn % RING.length].access('read', (view) => {
      const [number] = view;
      if (view.some((byte) => byte !== number)) throw new Error(`frame ${number} is torn`);
      seen.add(number);
    });
    if (turn % REPORT_EVERY === 0) console.log(`${turn} frames of ${memory}, each of one piece`);
    await sleep(PERIOD_MS);
  }
  console.log(`saw ${seen.size} frames of ${memory}`);
  await broker.close();
}

// Process 1 of a container ends at no signal that it does not ask for.
process.once('SIGTERM', () => process.exit());
const [, , name = 'cam', wanted = 'Infinity'] = process.argv;
main(name, Number(wanted)).catch((error) => {
  console.error(String(error));
  // The session would keep it running. It is to be started anew.
  process.exit(1);
});
