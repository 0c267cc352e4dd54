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
