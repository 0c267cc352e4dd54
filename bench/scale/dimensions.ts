/** Of what one daemon has more and more. */
import { type Broker, connect } from '../../client';
import { MOST_BUFFERS } from '../installation';

const MEMFD = { sizeBytes: 4096, heap: 'memfd' } as const;
/** As many as one session of the SDK lets wait at once. */
const WAITS_OF_A_SESSION = 90;

export interface Dimension {
  readonly name: string;
  /** Ascending. */
  readonly counts: readonly number[];
  /** Answers what makes one more of it, to be called with its number. What it makes lasts until the daemon ends. */
  readonly prepare: (runtimeDirectory: string) => Promise<(index: number) => Promise<unknown>>;
}

const buffers: Dimension = {
  name: 'buffers',
  counts: [0, 0.1, 0.25, 0.5, 1].map((part) => part * MOST_BUFFERS),
  async prepare(runtimeDirectory) {
    const broker = await connect({ runtimeDirectory });
    return () => broker.allocate(MEMFD);
  },
};

const sessions: Dimension = {
  name: 'sessions',
  counts: [0, 50, 125, 250, 500],
  // Each with a buffer, so that it has made a call, too.
  prepare: async (runtimeDirectory) => async () =>
    (await connect({ runtimeDirectory })).allocate(MEMFD),
};

const names: Dimension = {
  name: 'published names',
  counts: [0, 100, 250, 500, 1000],
  async prepare(runtimeDirectory) {
    const broker = await connect({ runtimeDirectory });
    return async (index) => (await broker.allocate(MEMFD)).share({ name: `scale/${index}` });
  },
};

const waits: Dimension = {
  name: 'waiting accesses',
  counts: [0, 100, 250, 500, 1000],
  async prepare(runtimeDirectory) {
    const owner = await connect({ runtimeDirectory });
    let waiter: Broker | null = null;
    return async (index) => {
      if (waiter === null || index % WAITS_OF_A_SESSION === 0) {
        waiter = await connect({ runtimeDirectory });
      }
      const buffer = await owner.allocate(MEMFD);
      await buffer.share({ name: `wait/${index}` });
      await new Promise<void>((resolve) => {
        buffer
          .access('write', () => {
            resolve();
            return new Promise<never>(() => {});
          })
          .catch(() => {});
      });
      const same = await waiter.open({ name: `wait/${index}` });
      same.access('write', () => {}, { timeoutMs: Number.POSITIVE_INFINITY }).catch(() => {});
    };
  },
};

export const DIMENSIONS: readonly Dimension[] = [buffers, sessions, names, waits];
