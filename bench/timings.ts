/** What a measuring program found, and how it tells: nanoseconds, as one uint64 for all and a uint32 for each, little-endian. */
export interface Timings {
  /** From the first to the last. */
  readonly totalNs: number;
  readonly eachNs: Uint32Array;
}

export function parseTimings(bytes: Buffer): Timings {
  if (bytes.length < 8 || bytes.length % 4 !== 0) {
    throw new Error(`${bytes.length} bytes are no timings`);
  }
  const eachNs = new Uint32Array((bytes.length - 8) / 4);
  for (let i = 0; i < eachNs.length; i += 1) eachNs[i] = bytes.readUInt32LE(8 + 4 * i);
  return { totalNs: Number(bytes.readBigUInt64LE(0)), eachNs };
}

export function formatTimings({ totalNs, eachNs }: Timings): Buffer {
  const bytes = Buffer.alloc(8 + 4 * eachNs.length);
  bytes.writeBigUInt64LE(BigInt(totalNs), 0);
  for (const [i, ns] of eachNs.entries()) bytes.writeUInt32LE(ns, 8 + 4 * i);
  return bytes;
}

/** Makes so many calls, so many at once, after some that are not counted. */
export async function time(
  call: (index: number) => Promise<unknown>,
  count: number,
  atOnce = 1,
): Promise<Timings> {
  await run(call, Math.ceil(count / 10), atOnce);
  return run(call, count, atOnce);
}

async function run(
  call: (index: number) => Promise<unknown>,
  count: number,
  atOnce: number,
): Promise<Timings> {
  const eachNs = new Uint32Array(count);
  let next = 0;
  const begun = process.hrtime.bigint();
  const work = async (worker: number) => {
    for (let index = next++; index < count; index = next++) {
      const at = process.hrtime.bigint();
      await call(worker);
      eachNs[index] = Number(process.hrtime.bigint() - at);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, (_, worker) => work(worker)));
  return { totalNs: Number(process.hrtime.bigint() - begun), eachNs };
}
