// A camera: writes frames, one after the other, into a ring of buffers, and publishes those as NAME/0, NAME/1, … Every byte of a frame is
// its number.
//
//     node producer.js NAME
const { setTimeout: sleep } = require('node:timers/promises');
const { connect } = require('dmabufd');

const FRAME_BYTES = 64 * 1024;
const RING = [0, 1];
const PERIOD_MS = 50;

async function main(name) {
  const broker = await connect();
  const frames = [];
  for (const slot of RING) {
    const frame = await broker.allocate({ sizeBytes: FRAME_BYTES, label: `${name}/${slot}` });
    await frame.share({ name: `${name}/${slot}` });
    frames.push(frame);
  }
  console.log(`publishing ${name} in ${frames.length} buffers of ${frames[0].description.memory}`);
  for (let number = 0; ; number = (number + 1) % 256) {
    // Nobody reads the frame meanwhile; whoever does now is waited for.
    await frames[number % RING.length].access('write', (view) => view.fill(number));
    await sleep(PERIOD_MS);
  }
}

// Process 1 of a container ends at no signal that it does not ask for.
process.once('SIGTERM', () => process.exit());
main(process.argv[2] ?? 'cam').catch((error) => {
  console.error(String(error));
  // The session would keep it running. It is to be started anew.
  process.exit(1);
});
