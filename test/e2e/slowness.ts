/**
 * Time, where the machine may be an emulated one.
 */

/** How much slower this machine is than the one that a number was chosen for. */
export const SLOWNESS = Number(process.env['DMABUFD_TEST_SLOWNESS'] ?? 1);

/** A timeout: never what a test waits for, only when it gives up. */
export function patience(milliseconds = 20_000): number {
  return milliseconds * SLOWNESS;
}

/** Waits until `condition` answers something else than undefined. */
export async function eventually<T>(
  what: string,
  condition: () => Promise<T | undefined> | T | undefined,
): Promise<T> {
  const deadline = performance.now() + patience();
  for (;;) {
    const value = await condition();
    if (value !== undefined) return value;
    if (performance.now() > deadline) throw new Error(`${what}: not within ${patience()} ms`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
