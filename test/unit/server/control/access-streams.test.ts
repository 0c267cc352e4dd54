import { Duplex } from 'node:stream';
import { Metadata, type ServerDuplexStream } from '@grpc/grpc-js';
import { SESSION_METADATA_KEY } from '../../../../proto';
import type { StreamCpuAccessesRequest__Output } from '../../../../proto/generated/dmabufd/v1/StreamCpuAccessesRequest';
import type { StreamCpuAccessesResponse } from '../../../../proto/generated/dmabufd/v1/StreamCpuAccessesResponse';
import { AccessStreams } from '../../../../server/control/access-streams';
import { Bench, FakeMemory, peer, sessionId, settle } from '../domain/fakes';
import { context, token } from './fake-call';

type Request = StreamCpuAccessesRequest__Output;
type Stream = ServerDuplexStream<Request, StreamCpuAccessesResponse>;

/** A stream of session 1 as a service sees it: what is pushed has come from the client, what is written is its answers. */
class FakeStream extends Duplex implements Stream {
  cancelled = false;
  readonly metadata = new Metadata();
  readonly answers: StreamCpuAccessesResponse[] = [];

  constructor() {
    super({ objectMode: true });
    this.metadata.add(SESSION_METADATA_KEY, token);
  }

  override _read(): void {}

  override _write(answer: StreamCpuAccessesResponse, _: string, done: () => void): void {
    this.answers.push(answer);
    done();
  }

  /** The client resets it. */
  cancel(): void {
    this.cancelled = true;
    this.emit('cancelled');
  }

  serialize = () => Buffer.alloc(0);
  deserialize(): never {
    throw new Error('not used');
  }
  getPeer = () => 'connection-1';
  sendMetadata = () => {};
  getDeadline = () => Number.POSITIVE_INFINITY;
  getPath = () => '/dmabufd.v1.AccessService/StreamCpuAccesses';
  getHost = () => '';
  getAuthContext = () => ({});
  getMetricsRecorder(): never {
    throw new Error('not used');
  }
}

/** A stream of session 1, and a buffer. */
function opened() {
  const made = new Bench();
  const session = sessionId(1);
  made.broker.openSession(session, peer(10));
  const memory = new FakeMemory(made.kernel, 4096);
  const { id } = made.broker.intake.adopt(session, memory, { label: '', exporter: 'drm' });
  const stream = new FakeStream();
  new AccessStreams(made.broker, context([], made.broker)).serve(stream);
  const bufferId = String(id);
  const begin = { bufferId, mode: 'CPU_ACCESS_MODE_WRITE' } as const;
  const push = (request: Pick<Request, 'serial' | 'step'> & Partial<Request>) => {
    stream.push({ timeoutMs: 0, ...request });
    return settle();
  };
  return {
    memory,
    begin: (serial: number) => push({ serial, step: 'begin', begin }),
    end: (serial: number) => push({ serial, step: 'end', end: { bufferId } }),
    giveUp: (serial: number) => push({ serial: 99, step: 'giveUp', giveUp: serial }),
    codes: () => stream.answers.map(({ serial, code }) => [serial, code]),
  };
}

describe('a begin that is given up', () => {
  const CANCELLED = 1;

  test('is cancelled, and none that comes after it', async () => {
    const { memory, begin, giveUp, codes } = opened();
    memory.isBusy = true;
    await begin(1);
    await giveUp(1);
    await begin(2);
    expect(codes()).toEqual([[1, CANCELLED]]);
    memory.signalFences();
    await settle();
    expect(codes()).toEqual([
      [1, CANCELLED],
      [2, 0],
    ]);
  });

  test('too late cancels nothing', async () => {
    const { memory, begin, end, giveUp, codes } = opened();
    await begin(1);
    await end(2);
    memory.isBusy = true;
    await begin(3);
    await giveUp(1);
    memory.signalFences();
    await settle();
    expect(codes()).toEqual([
      [1, 0],
      [2, 0],
      [3, 0],
    ]);
  });
});

describe('a stream of accesses that ends while what it has begun is being kept', () => {
  test('leaves nothing open, and ends nothing that the session begins afterwards', async () => {
    const made = new Bench();
    const session = sessionId(1);
    made.broker.openSession(session, peer(10));
    const memory = new FakeMemory(made.kernel, 4096);
    const { id } = made.broker.intake.adopt(session, memory, { label: '', exporter: 'drm' });
    let kept = () => {};
    const keeping = new Promise<void>((resolve) => {
      kept = resolve;
    });
    const streams = new AccessStreams(made.broker, {
      ...context([], made.broker),
      whenKept: () => keeping,
    });
    const stream = new FakeStream();
    streams.serve(stream);
    const begin = { bufferId: String(id), mode: 'CPU_ACCESS_MODE_WRITE' } as const;
    stream.push({ serial: 1, step: 'begin', begin, timeoutMs: 0 });
    await settle();
    expect(memory.log).toEqual(['START write']);

    stream.cancel();
    await settle();
    expect(memory.log).toEqual(['START write', 'END write']);
    const again = made.broker.buffers.beginCpuAccess(
      session,
      id,
      'write',
      new AbortController().signal,
    );
    await again;
    kept();
    await settle();
    expect(memory.log).toEqual(['START write', 'END write', 'START write']);
    expect(stream.answers).toEqual([]);
  });
});
