/** Which descriptors this process has open: every test here leaves as many as it found. */
import { readdirSync, readlinkSync } from 'node:fs';

/** Open descriptors, each with what it points at. */
export function openFds(): string[] {
  const open: string[] = [];
  for (const number of readdirSync('/proc/self/fd')) {
    try {
      open.push(`${number} -> ${readlinkSync(`/proc/self/fd/${number}`)}`);
    } catch {
      // The descriptor with which the directory itself was read.
    }
  }
  return open;
}

/** Checks after each test that it closed what it opened. Call at the top of a test file. */
export function expectNoFdLeak(): void {
  let before: string[] = [];
  beforeEach(() => {
    before = openFds();
  });
  afterEach(async () => {
    const deadline = Date.now() + 5000;
    // libuv closes its handles in the turn after they were asked to close.
    while (openFds().length > before.length && Date.now() < deadline) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(openFds().filter((fd) => !before.includes(fd))).toEqual([]);
  });
}
