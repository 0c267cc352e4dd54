/** The daemon's queues of connections are short, and full while many come at once. Whoever waits a little gets in. */
import { type CallLimits, pause } from './call-limits';
import { QueueFullError } from './errors';

const PAUSE_MS = 5;

/** Makes the attempt again, as long as the limits allow, until it does not fail for want of room in the queue. */
export async function onceQueued<T>(
  limits: CallLimits,
  what: string,
  attempt: () => Promise<T>,
): Promise<T> {
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof QueueFullError)) throw error;
      await pause(PAUSE_MS, limits, what);
    }
  }
}
