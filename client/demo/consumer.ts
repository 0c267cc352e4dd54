/**
 * A process that looks: opens the ring for reading, reads every frame inside a read access, checks every byte of it
 * against the picture that it must be, and writes some frames as PNG.
 */
import { join } from 'node:path';
import { connect, type SharedBuffer } from '../index';
import { reportOf, scenarioOfThisProcess } from './child-process';
import { HEADER_BYTES, headerBytes, nameOfSlot, type Scenario, SLOTS, slotOf } from './frames';
import { TestPicture } from './picture';
import { writeSnapshot } from './snapshot';
import { Turnstile } from './turnstile';

/** What a consumer is told beyond the scenario. */
export interface ConsumerScenario extends Scenario {
  readonly name: string;
  readonly pictureDirectory: string;
  /** The frames to write as PNG. */
  readonly snapshots: readonly number[];
}

/** What a consumer tells when it is done. */
export interface ConsumerReport {
  readonly name: string;
  /** Frames that were the right picture, in the right order, to the last byte. */
  readonly goodFrames: number;
  /** Frames that were not. */
  readonly badFrames: number[];
  readonly comparedBytes: number;
  /** The kernel itself keeps this consumer from writing. */
  readonly readOnlyEnforced: boolean;
  /** PNG files, each read back and found to be its frame. */
  readonly goodSnapshots: string[];
  readonly badSnapshots: string[];
}

async function consume(scenario: ConsumerScenario): Promise<ConsumerReport> {
  const { runtimeDirectory, frames, timeoutMs } = scenario;
  await using broker = await connect({ runtimeDirectory, reconnect: false, timeoutMs });
  // Before the slots are opened: from then on the producer counts on this consumer.
  const turnstile = new Turnstile(await broker.watch());
  const slots: SharedBuffer[] = [];
  for (let slot = 0; slot < SLOTS; slot += 1) {
    slots.push(await broker.open({ name: nameOfSlot(slot) }));
  }
  const checker = new FrameChecker(scenario);
  for (let frame = 0; frame < frames; frame += 1) {
    const buffer = slots[slotOf(frame)];
    if (buffer === undefined) throw new RangeError(`no slot for frame ${frame}`);
    const written = Math.floor(frame / SLOTS) + 1;
    await turnstile.until(
      () => turnstile.writes(buffer.id) >= written,
      `waiting for frame ${frame}`,
      timeoutMs,
    );
    await buffer.access('read', (view) => checker.check(frame, view), { timeoutMs });
    checker.keepSnapshot(frame);
  }
  const readOnlyEnforced = slots.every(({ description }) => description.readOnlyEnforced);
  return { ...checker.report(), readOnlyEnforced };
}

/** Knows what each frame must be, and keeps account. */
class FrameChecker {
  readonly #scenario: ConsumerScenario;
  readonly #picture: TestPicture;
  /** What the frame must be, drawn by this process. */
  readonly #expected: Uint32Array;
  readonly #badFrames: number[] = [];
  readonly #goodSnapshots: string[] = [];
  readonly #badSnapshots: string[] = [];
  #goodFrames = 0;
  #comparedBytes = 0;

  constructor(scenario: ConsumerScenario) {
    this.#scenario = scenario;
    this.#picture = new TestPicture(scenario.size);
    this.#expected = new Uint32Array(scenario.size.width * scenario.size.height);
  }

  /** Compares pixels and header. Inside the access: the view is gone afterwards. */
  check(frame: number, view: Uint8Array): void {
    const { sizeBytes } = this.#picture;
    this.#picture.draw(frame, this.#expected);
    const pixels = Buffer.from(view.buffer, view.byteOffset, sizeBytes);
    const header = Buffer.from(view.buffer, view.byteOffset + sizeBytes, HEADER_BYTES);
    const good =
      pixels.equals(new Uint8Array(this.#expected.buffer)) &&
      header.equals(headerBytes({ frame, size: this.#scenario.size }));
    this.#comparedBytes += sizeBytes + HEADER_BYTES;
    if (good) this.#goodFrames += 1;
    else this.#badFrames.push(frame);
  }

  /** Writes the frame that was just found good, if it is one of those to be kept. */
  keepSnapshot(frame: number): void {
    const { snapshots, pictureDirectory, name, size } = this.#scenario;
    if (!snapshots.includes(frame) || this.#badFrames.includes(frame)) return;
    const file = `frame-${String(frame).padStart(4, '0')}-${name}.png`;
    const good = writeSnapshot(join(pictureDirectory, file), size, this.#expected);
    (good ? this.#goodSnapshots : this.#badSnapshots).push(file);
  }

  report(): Omit<ConsumerReport, 'readOnlyEnforced'> {
    return {
      name: this.#scenario.name,
      goodFrames: this.#goodFrames,
      badFrames: this.#badFrames,
      comparedBytes: this.#comparedBytes,
      goodSnapshots: this.#goodSnapshots,
      badSnapshots: this.#badSnapshots,
    };
  }
}

void consume(scenarioOfThisProcess<ConsumerScenario>()).then(reportOf);
