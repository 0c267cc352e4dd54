import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import addon from '../../native';
import { Directory } from './sockets';

describe('the addon in a worker thread', () => {
  // What would go wrong here is the end of the whole process.
  it('survives that the worker is terminated with everything still open', async () => {
    for (let round = 0; round < 10; round++) {
      using directory = new Directory();
      const worker = new Worker(join(__dirname, 'processes', 'leave-everything-open.js'), {
        workerData: { directory: directory.path },
      });
      await once(worker, 'message');
      await worker.terminate();
    }
  });
});

describe('an accessor', () => {
  it('is refused for an object of another class, whose memory it would misread', async () => {
    using fd = await addon.createMemfd('receiver', 4096);
    using mapping = addon.map(fd, 4096, 'read-write');
    const getter = (of: object, name: string) =>
      Object.getOwnPropertyDescriptor(Object.getPrototypeOf(of), name)?.get;
    expect(() => Reflect.apply(getter(fd, 'number') ?? String, mapping, [])).toThrow(
      'Illegal invocation',
    );
    expect(() => Reflect.apply(getter(mapping, 'length') ?? String, fd, [])).toThrow(
      'Illegal invocation',
    );
    expect(() => Reflect.apply(getter(fd, 'closed') ?? String, {}, [])).toThrow();
  });
});
