import type { Fd } from '../../../../native';
import { openLog } from '../../../../server/log';
import { FdStore } from '../../../../server/systemd/fd-store';
import { ServiceManager } from '../../../../server/systemd/service-manager';
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

  timeOut(): void {
    for (const { reject } of this.waiting.splice(0)) reject(new Error('ETIMEDOUT'));
  }
}

function setUp(address: string | null = '/run/notify') {
  const queue = new FakeQueue();
  const manager = new ServiceManager(queue.addon, address, log);
  return { queue, manager, store: new FdStore(manager, 2, log) };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

describe('what is told to the service manager', () => {
  test('is told in the order in which it was said, fds by their names', async () => {
    const { queue, manager, store } = setUp();
    store.put('session-1', fakeFd());
    manager.ready('no sessions');
    store.remove('session-1');
    await manager.heard();
    expect(queue.heard).toEqual([
      'FDSTORE=1 FDNAME=session-1 FDPOLL=0 +1',
      'READY=1 STATUS=no sessions',
      'FDSTOREREMOVE=1 FDNAME=session-1',
    ]);
  });

  test('is waited for as long as it is about fds', async () => {
    const { queue, manager, store } = setUp();
    expect(store.pending).toBeNull();
    manager.status('busy');
    expect(store.pending).toBeNull();
    queue.isDeaf = true;
    store.put('buffer-1', fakeFd());
    expect(store.pending).not.toBeNull();
    await settle();
    queue.timeOut();
    await manager.heard();
    expect(store.pending).toBeNull();
  });

  test('keeps nobody waiting for more than one time-out, however much was to be said', async () => {
    const { queue, manager, store } = setUp();
    queue.isDeaf = true;
    store.put('buffer-1', fakeFd());
    store.put('buffer-2', fakeFd());
    store.remove('buffer-1');
    await settle();
    queue.timeOut();
    await manager.heard();
    queue.isDeaf = false;
    store.remove('buffer-2');
    await manager.heard();
    expect(queue.heard).toEqual(['FDSTOREREMOVE=1 FDNAME=buffer-2']);
  });

  test('is nothing more than the store has room for', async () => {
    const { queue, manager, store } = setUp();
    store.found('session-1');
    expect(store.put('buffer-1', fakeFd())).toBe(true);
    expect(store.put('buffer-2', fakeFd())).toBe(false);
    store.remove('buffer-2');
    store.remove('session-1');
    expect(store.put('buffer-3', fakeFd())).toBe(true);
    await manager.heard();
    expect(queue.heard.map((line) => line.split(' ')[1])).toEqual([
      'FDNAME=buffer-1',
      'FDNAME=session-1',
      'FDNAME=buffer-3',
    ]);
  });

  test('is nothing where there is none', async () => {
    const { queue, manager, store } = setUp(null);
    store.put('session-1', fakeFd());
    manager.ready('alone');
    expect(store.pending).toBeNull();
    await manager.heard();
    expect(queue.heard).toEqual([]);
  });
});
