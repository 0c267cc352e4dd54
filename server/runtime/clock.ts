/** Time, as the domain's port. */
import type { Clock } from '../domain/ports';

/** The longest that setTimeout takes; more would fire at once. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  after(delayMs, callback) {
    const end = Date.now() + delayMs;
    let timer: NodeJS.Timeout;
    const arm = () => {
      const leftMs = end - Date.now();
      const isLast = leftMs <= MAX_TIMEOUT_MS;
      timer = setTimeout(isLast ? callback : arm, isLast ? Math.max(leftMs, 0) : MAX_TIMEOUT_MS);
      // A grant that will expire is no reason for a daemon to live on.
      timer.unref();
    };
    arm();
    return () => clearTimeout(timer);
  },
};
