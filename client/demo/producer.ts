/**
 * The process that draws: allocates a ring of buffers, publishes them under names, waits for its consumers, and draws each
 * frame into the next slot as soon as all consumers have read what was in it.
 */
import { connect, type SharedBuffer } from '../index';
import { reportOf, scenarioOfThisProcess } from './child-process';
import { HEADER_BYTES, nameOfSlot, type Scenario, SLOTS, slotOf, writeHeader } from './frames';
import { TestPicture } from './picture';
import { Turnstile } from './turnstile';

/** What the producer tells when it is done. */
export interface ProducerReport {
  readonly frames: number;
  readonly slotBytes: number;
}

async function produce(scenario: Scenario): Promise<ProducerReport> {
  const { runtimeDirectory, size, frames, timeoutMs } = scenario;
  const picture = new TestPicture(size);
  await using broker = await connect({ runtimeDirectory, reconnect: false, timeoutMs });
  const turnstile = new Turnstile(await broker.watch());
  const slots: SharedBuffer[] = [];
  for (let slot = 0; slot < SLOTS; slot += 1) {
    const sizeBytes = picture.sizeBytes + HEADER_BYTES;
    const label = `demo slot ${slot}`;
    const buffer = await broker.allocate({ sizeBytes, heap: scenario.heap, label });
    await buffer.share({ name: nameOfSlot(slot), access: 'read' });
    slots.push(buffer);
  }
  reportOf({ ready: true });

  const consumers = await consumersOf(slots, turnstile, scenario);
  const allHaveRead = (buffer: SharedBuffer, times: number, frame: number) =>
    turnstile.until(
      () => turnstile.readsByEach(buffer.id, consumers) >= times,
      `frame ${frame}: waiting for all consumers to read it`,
      timeoutMs,
    );
  for (let frame = 0; frame < frames; frame += 1) {
    const buffer = at(slots, slotOf(frame));
    await allHaveRead(buffer, Math.floor(frame / SLOTS), frame - SLOTS);
    await buffer.access(
      'write',
      (view) => {
        picture.draw(frame, new Uint32Array(view.buffer, 0, size.width * size.height));
        writeHeader(view, picture.sizeBytes, { frame, size });
      },
      { timeoutMs },
    );
  }
  for (let frame = Math.max(0, frames - SLOTS); frame < frames; frame += 1) {
    await allHaveRead(at(slots, slotOf(frame)), Math.floor(frame / SLOTS) + 1, frame);
  }
  return { frames, slotBytes: slots[0]?.sizeBytes ?? 0 };
}

/** The sessions of the consumers, once each of them has opened all slots. */
async function consumersOf(
  slots: readonly SharedBuffer[],
  turnstile: Turnstile,
  { consumers, timeoutMs }: Scenario,
): Promise<readonly number[]> {
  await turnstile.until(
    () => slots.every(({ id }) => turnstile.openedBy(id).length === consumers),
    `waiting for ${consumers} consumers`,
    timeoutMs,
  );
  return turnstile.openedBy(at(slots, 0).id);
}

function at<T>(items: readonly T[], index: number): T {
  const item = items[index];
  if (item === undefined) throw new RangeError(`no item ${index} of ${items.length}`);
  return item;
}

void produce(scenarioOfThisProcess()).then(reportOf);
