import type { Fd } from '../../../../native';
import { openLog } from '../../../../server/log';
import { FdStore } from '../../../../server/systemd/fd-store';
import { ServiceManager } from '../../../../server/systemd/service-manager';
import { FakeClock } from '../domain/fakes';
import { fakeFd } from '../fake-fd';

const { log } = openLog('silent');

/** The service manager's end, by hand: it listens when it is told to. */
class FakeQueue {
  readonly heard: string[] = [];
  isDeaf = false;
  private readonly waiting: {
    text: string;
    resolve: () => void;
    reject: (error: Error) => void;
  }[] = [];

  readonly addon = {
    sendNotification: (_address: string, text: string, fds: readonly Fd[]): Promise<void> => {
      const said = `${text.replace(/\n/g, ' ')}${fds.length === 0 ? '' : ` +${fds.length}`}`;
      if (!this.isDeaf) {
        this.heard.push(said);
        return Promise.resolve();
      }
      return new Promise((resolve, reject) => this.waiting.push({ text, resolve, reject }));
    },
  };

  listen(): void {
    this.isDeaf = false;
    for (const { resolve } of this.waiting.splice(0)) resolve();
  }

  timeOut(): void {
    for (const { reject } of this.waiting.splice(0)) reject(new Error('ETIMEDOUT'));
  }
}

function setUp(address: string | null = '/run/notify') {
  const queue = new FakeQueue();
  const manager = new ServiceManager(queue.addon, address, log);
  const clock = new FakeClock();
  return { queue, manager, clock, store: new FdStore(manager, 2, log, clock) };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

describe('what is told to the service manager', () => {
  test('is told in the order in which it was said', async () => {
    const { queue, manager } = setUp();
    const fd = fakeFd();
    const stored = manager.storeFd('session-1', fd);
    manager.ready('no sessions');
    expect([await stored, await manager.removeFd('session-1')]).toEqual([true, true]);
    expect(queue.heard).toEqual([
      'FDSTORE=1 FDNAME=session-1 FDPOLL=0 +1',
      'READY=1 STATUS=no sessions',
      'FDSTOREREMOVE=1 FDNAME=session-1',
    ]);
    expect(fd.closed).toBe(false);
  });

  test('is nothing where there is none', async () => {
    const { queue, manager } = setUp(null);
    manager.ready('alone');
    expect(await manager.storeFd('session-1', fakeFd())).toBe(false);
    await manager.heard();
    expect(queue.heard).toEqual([]);
  });
});

describe('the fd store', () => {
  test('is told what is to be there and what is not, each fd until it is heard', async () => {
    const { queue, store } = setUp();
    const fd = fakeFd();
    store.put('session-1', fd);
    await store.pending;
    await store.remove('session-1');
    await store.remove('session-1');
    expect(queue.heard).toEqual([
      'FDSTORE=1 FDNAME=session-1 FDPOLL=0 +1',
      'FDSTOREREMOVE=1 FDNAME=session-1',
    ]);
    expect(store.pending).toBeNull();
    expect(fd.closed).toBe(false);
    expect(fd.duplicates.map(({ closed }) => closed)).toEqual([true]);
  });

  test('is not told at all of what came and went before it could be', async () => {
    const { queue, store } = setUp();
    queue.isDeaf = true;
    store.put('session-1', fakeFd());
    const brief = fakeFd();
    store.put('session-2', brief);
    await store.remove('session-2');
    expect(brief.duplicates.map(({ closed }) => closed)).toEqual([true]);
    const removed = store.remove('session-1');
    await settle();
    queue.listen();
    await removed;
    expect(queue.heard).toEqual(['FDSTOREREMOVE=1 FDNAME=session-1']);
  });

  test('has nobody wait while the service manager does not listen, and is told once it does', async () => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'queueMicrotask', 'nextTick'] });
    try {
      const { queue, store } = setUp();
      queue.isDeaf = true;
      store.put('buffer-1', fakeFd());
      const waiting = store.pending;
      await settle();
      queue.timeOut();
      await waiting;
      expect(store.pending).not.toBeNull();
      queue.isDeaf = false;
      await jest.advanceTimersByTimeAsync(1_000);
      await store.pending;
      expect(queue.heard).toEqual(['FDSTORE=1 FDNAME=buffer-1 FDPOLL=0 +1']);
    } finally {
      jest.useRealTimers();
    }
  });

  test('is waited for by nobody for longer than five seconds, whatever it hangs on', async () => {
    const { queue, manager, clock, store } = setUp();
    queue.isDeaf = true;
    // Signs of life are before it in the queue, each of which is given up later.
    for (let i = 0; i < 10; i += 1) manager.status(`status ${i}`);
    store.put('session-1', fakeFd());
    const told = jest.fn();
    void store.pending?.then(told);
    clock.advance(4_999);
    await settle();
    expect(told).not.toHaveBeenCalled();
    clock.advance(1);
    await settle();
    expect(told).toHaveBeenCalledTimes(1);
  });

  test('is waited for up to what there was to tell then, and not for what came after', async () => {
    const { queue, store } = setUp();
    queue.isDeaf = true;
    store.put('session-1', fakeFd());
    const first = jest.fn();
    void store.pending?.then(first);
    store.put('session-2', fakeFd());
    const both = jest.fn();
    void store.pending?.then(both);
    await settle();
    queue.listen();
    queue.isDeaf = true;
    await settle();
    expect([first.mock.calls.length, both.mock.calls.length]).toEqual([1, 0]);
    queue.listen();
    await settle();
    expect(both).toHaveBeenCalledTimes(1);
  });

  test('is asked to remove something until it hears it: its memory is there until then', async () => {
    jest.useFakeTimers({ doNotFake: ['setImmediate', 'queueMicrotask', 'nextTick'] });
    try {
      const { queue, store } = setUp();
      store.found('buffer-1');
      queue.isDeaf = true;
      let isRemoved = false;
      void store.remove('buffer-1').then(() => {
        isRemoved = true;
      });
      await settle();
      queue.timeOut();
      await settle();
      expect(isRemoved).toBe(false);
      queue.isDeaf = false;
      await jest.advanceTimersByTimeAsync(1_000);
      expect(isRemoved).toBe(true);
    } finally {
      jest.useRealTimers();
    }
  });

  test('takes no more than it has room for', () => {
    const { store } = setUp();
    store.found('session-1');
    expect(store.put('buffer-1', fakeFd())).toBe(true);
    expect(store.put('buffer-2', fakeFd())).toBe(false);
    void store.remove('session-1');
    expect(store.put('buffer-3', fakeFd())).toBe(true);
  });
});
