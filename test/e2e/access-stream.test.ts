import { setMaxListeners } from 'node:events';
import { join } from 'node:path';
import { Client, type ClientDuplexStream, credentials, Metadata, status } from '@grpc/grpc-js';
import type { MethodDefinition } from '@grpc/proto-loader';
import { type Broker, connect, type SharedBuffer } from '../../client';
import { CONTROL_SOCKET_NAME, loadServices, SESSION_METADATA_KEY } from '../../proto';
import type { StreamCpuAccessesRequest } from '../../proto/generated/dmabufd/v1/StreamCpuAccessesRequest';
import type { StreamCpuAccessesResponse__Output } from '../../proto/generated/dmabufd/v1/StreamCpuAccessesResponse';
import { DaemonProcess } from './daemon-process';
import { RawFdClient } from './raw-fd-client';
import { eventually, patience } from './slowness';

const services = loadServices();
const { StreamCpuAccesses } = services.AccessService.service;
const { OpenBuffer } = services.ShareService.service;
/** Begins of one stream that may wait. */
const MOST_BEGINS = 128;

type Method<Request, Response> = Pick<
  MethodDefinition<Request, object, object, Response>,
  'path' | 'requestSerialize' | 'responseDeserialize'
>;
type Answer = StreamCpuAccessesResponse__Output;

/** A session that speaks over the stream by hand, as a client in another language would. */
class RawStream implements Disposable {
  readonly answers: Answer[] = [];
  readonly #metadata = new Metadata();
  readonly #client: Client;
  readonly #stream: ClientDuplexStream<StreamCpuAccessesRequest, Answer>;
  #ended: number | null = null;

  constructor(daemon: DaemonProcess, token: Uint8Array | null) {
    const path = join(daemon.runtimeDirectory, CONTROL_SOCKET_NAME);
    this.#client = new Client(`unix:${path}`, credentials.createInsecure());
    if (token !== null) this.#metadata.set(SESSION_METADATA_KEY, Buffer.from(token));
    const { requestSerialize, responseDeserialize } = StreamCpuAccesses;
    this.#stream = this.#client.makeBidiStreamRequest(
      StreamCpuAccesses.path,
      requestSerialize,
      responseDeserialize,
      this.#metadata,
    );
    this.#stream.on('data', (answer: Answer) => this.answers.push(answer));
    this.#stream.on('error', () => undefined);
    this.#stream.on('status', ({ code }) => {
      this.#ended = code;
    });
  }

  send(request: StreamCpuAccessesRequest): void {
    this.#stream.write(request);
  }

  /** A unary call of the same session. */
  call<Request, Response>(method: Method<Request, Response>, request: Request): Promise<Response> {
    return new Promise((resolve, reject) => {
      const { path, requestSerialize, responseDeserialize } = method;
      this.#client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        this.#metadata,
        (error, response) => {
          if (response === undefined) reject(error);
          else resolve(response);
        },
      );
    });
  }

  answerTo(serial: number): Promise<Answer> {
    return eventually(`an answer to ${serial}`, () =>
      this.answers.find((answer) => answer.serial === serial),
    );
  }

  /** The status that the stream ends with. */
  ended(): Promise<number> {
    return eventually('the stream has ended', () => this.#ended ?? undefined);
  }

  [Symbol.dispose](): void {
    this.#stream.cancel();
    this.#client.close();
  }
}

describe('the stream of accesses', () => {
  let daemon: DaemonProcess;
  let owner: Broker;
  let buffer: SharedBuffer;
  let session: RawFdClient;
  let stream: RawStream;

  beforeAll(async () => {
    daemon = await DaemonProcess.start();
    owner = await connect({ runtimeDirectory: daemon.runtimeDirectory, timeoutMs: patience() });
  });
  afterAll(async () => {
    await owner?.close();
    await daemon?.[Symbol.asyncDispose]();
  });

  beforeEach(async () => {
    session = await RawFdClient.connect(daemon);
    stream = new RawStream(daemon, session.token);
    buffer = await owner.allocate({ sizeBytes: 4096 });
    await buffer.share({ name: 'shared' });
    await stream.call(OpenBuffer, { name: 'shared' });
  });
  afterEach(async () => {
    stream[Symbol.dispose]();
    session[Symbol.dispose]();
    await buffer.release();
  });

  const begin = (serial: number, timeoutMs = patience()) =>
    stream.send({
      serial,
      begin: { bufferId: buffer.id, mode: 'CPU_ACCESS_MODE_WRITE' },
      timeoutMs,
    });
  const end = (serial: number) => stream.send({ serial, end: { bufferId: buffer.id } });
  const accesses = async () => (await owner.describe(buffer.id)).cpuAccesses;

  /** Runs it while the owner is inside, so that the stream's session waits. */
  const whileOwned = (callback: () => Promise<void>) =>
    buffer.access('write', callback, { timeoutMs: patience() });

  test('begins and ends them', async () => {
    begin(7);
    expect(await stream.answerTo(7)).toEqual({ serial: 7, code: status.OK, message: '' });
    expect(await accesses()).toMatchObject([{ held: true }]);
    end(8);
    expect(await stream.answerTo(8)).toMatchObject({ code: status.OK });
    expect(await accesses()).toEqual([]);
    end(9);
    expect(await stream.answerTo(9)).toMatchObject({
      code: status.FAILED_PRECONDITION,
      message: expect.stringContaining('nothing to end'),
    });
  });

  test('answers others while one waits, which can be given up', async () => {
    await whileOwned(async () => {
      begin(1);
      stream.send({ serial: 2, end: { bufferId: 999_999 } });
      expect(await stream.answerTo(2)).toMatchObject({ code: status.NOT_FOUND });
      expect(stream.answers).toHaveLength(1);
      stream.send({ serial: 3, giveUp: 1 });
      expect(await stream.answerTo(1)).toMatchObject({ code: status.CANCELLED });
    });
    expect(stream.answers.map(({ serial }) => serial)).toEqual([2, 1]);
  });

  test('says at its time what a begin has waited for', async () => {
    await whileOwned(async () => {
      begin(1, 50);
      expect(await stream.answerTo(1)).toMatchObject({
        code: status.DEADLINE_EXCEEDED,
        message: expect.stringMatching(/had waited \d+ ms for its turn: session \d+ .* writes/),
      });
    });
  });

  test('leaves open what is open when it ends, and gives up what waits', async () => {
    begin(1);
    await stream.answerTo(1);
    stream[Symbol.dispose]();
    expect(await accesses()).toMatchObject([{ held: true }]);
    stream = new RawStream(daemon, session.token);
    end(1);
    expect(await stream.answerTo(1)).toMatchObject({ code: status.OK });

    await whileOwned(async () => {
      begin(2);
      await eventually('it waits', async () =>
        (await accesses()).length === 2 ? true : undefined,
      );
      stream[Symbol.dispose]();
      await eventually('it has left', async () =>
        (await accesses()).length === 1 ? true : undefined,
      );
    });
    expect(await accesses()).toEqual([]);
  });

  test('has a bound for begins that wait, and ends are taken all the same', async () => {
    await whileOwned(async () => {
      // Of one buffer a session has one at a time; the others wait for buffers of their own.
      const own = await Promise.all(
        Array.from({ length: MOST_BEGINS }, async (_, index) => {
          const another = await owner.allocate({ sizeBytes: 4096 });
          await another.share({ name: `own/${index}` });
          await stream.call(OpenBuffer, { name: `own/${index}` });
          return another;
        }),
      );
      const leave = new AbortController();
      setMaxListeners(0, leave.signal);
      const inside = own.map((one) =>
        one.access('write', () => new Promise<never>(() => {}), { signal: leave.signal }),
      );
      await eventually('all are held', async () =>
        (await daemon.totals()).cpuAccesses > MOST_BEGINS ? true : undefined,
      );
      for (const [index, { id }] of own.entries()) {
        const mode = 'CPU_ACCESS_MODE_WRITE';
        stream.send({ serial: 100 + index, begin: { bufferId: id, mode } });
      }
      begin(1);
      expect(await stream.answerTo(1)).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
      end(2);
      expect(await stream.answerTo(2)).toMatchObject({ code: status.FAILED_PRECONDITION });
      leave.abort();
      await Promise.allSettled(inside);
      await Promise.all(own.map((one) => one.release()));
    });
  });

  test.each<[string, StreamCpuAccessesRequest]>([
    ['serial', { end: { bufferId: 1 } }],
    ['step', { serial: 1 }],
  ])('ends when a request has no %s', async (_, request) => {
    stream.send(request);
    expect(await stream.ended()).toBe(status.INVALID_ARGUMENT);
  });

  test('is for sessions only', async () => {
    using another = new RawStream(daemon, null);
    expect(await another.ended()).toBe(status.UNAUTHENTICATED);
  });

  test('costs nobody a call when it is refused', async () => {
    for (let round = 0; round < 42; round += 1) {
      const refused = Array.from({ length: 100 }, () => new RawStream(daemon, null));
      await Promise.all(refused.map((one) => one.ended()));
      for (const one of refused) one[Symbol.dispose]();
    }
    // More than all the calls that there may be: there are some left.
    await (await owner.allocate({ sizeBytes: 4096 })).release();
  });

  test('ends when the daemon stops', async () => {
    await using mortal = await DaemonProcess.start();
    using client = await RawFdClient.connect(mortal);
    using last = new RawStream(mortal, client.token);
    last.send({ serial: 1, end: { bufferId: 1 } });
    await last.answerTo(1);
    const ended = last.ended();
    await mortal.stop();
    expect(await ended).toBe(status.UNAVAILABLE);
  });
});
