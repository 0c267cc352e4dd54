import { FairQueue } from '../../../../server/domain/fair-queue';
import { outcome, settle } from './fakes';

/** Work that is done when the test says so. */
class Works {
  readonly begun: string[] = [];
  private readonly ends = new Map<string, () => void>();

  start(queue: FairQueue, account: string, name: string, signal?: AbortSignal): Promise<void> {
    const work = () => {
      this.begun.push(name);
      return new Promise<void>((resolve) => this.ends.set(name, resolve));
    };
    return queue.run(account, work, signal);
  }

  async end(name: string): Promise<void> {
    this.ends.get(name)?.();
    await settle();
  }
}

describe('a fair queue', () => {
  test('has a few pieces of work under way at once, and one of each account', async () => {
    const works = new Works();
    const queue = new FairQueue(2);
    for (const name of ['a1', 'a2', 'b1', 'c1']) void works.start(queue, name.slice(0, 1), name);
    await settle();
    expect(works.begun).toEqual(['a1', 'b1']);
    await works.end('a1');
    expect(works.begun).toEqual(['a1', 'b1', 'c1']);
    await works.end('b1');
    expect(works.begun).toEqual(['a1', 'b1', 'c1', 'a2']);
  });

  test('lets another account wait for one piece only, however many came before it', async () => {
    const works = new Works();
    const queue = new FairQueue(1);
    for (let i = 0; i < 100; i++) void works.start(queue, 'greedy', `greedy${i}`);
    void works.start(queue, 'modest', 'modest');
    await settle();
    await works.end('greedy0');
    expect(works.begun).toEqual(['greedy0', 'modest']);
  });

  test('forgets whoever is cancelled while it waits, at once', async () => {
    const works = new Works();
    const queue = new FairQueue(1);
    void works.start(queue, 'a', 'a');
    const cancel = new AbortController();
    const cancelled = outcome(() => works.start(queue, 'b', 'b', cancel.signal));
    cancel.abort();
    expect(await cancelled).toBe('cancelled');
    expect(await outcome(() => works.start(queue, 'b', 'b', cancel.signal))).toBe('cancelled');
    void works.start(queue, 'c', 'c');
    await works.end('a');
    expect(works.begun).toEqual(['a', 'c']);
  });

  test('goes on when a piece of work fails', async () => {
    const works = new Works();
    const queue = new FairQueue(1);
    const failing = queue.run('a', () => Promise.reject(new Error('ENOMEM')));
    void works.start(queue, 'a', 'next');
    await expect(failing).rejects.toThrow('ENOMEM');
    await settle();
    expect(works.begun).toEqual(['next']);
  });
});
