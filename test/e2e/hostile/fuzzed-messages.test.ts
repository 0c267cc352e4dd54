import { join } from 'node:path';
import { Client, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';
import fc from 'fast-check';
import { CONTROL_SOCKET_NAME, loadServices, SESSION_METADATA_KEY } from '../../../proto';
import { RawFdClient } from '../raw-fd-client';
import { patience, SLOWNESS } from '../slowness';
import { describeAsRoot, Siege } from './siege';

const RUNS = Math.max(Math.floor(1_500 / SLOWNESS), 100);

/** What a message without sense may be answered with. INTERNAL is grpc-js's own word for one that it cannot parse. */
const PROPER: readonly number[] = [
  status.OK,
  status.INVALID_ARGUMENT,
  status.INTERNAL,
  status.NOT_FOUND,
  status.FAILED_PRECONDITION,
  status.PERMISSION_DENIED,
  status.RESOURCE_EXHAUSTED,
  // A stream that has begun, and which the test ends.
  status.CANCELLED,
];

const METHODS = Object.values(loadServices()).flatMap((entry) =>
  'service' in entry ? Object.values(entry.service) : [],
);

describeAsRoot('messages without sense', () => {
  let siege: Siege;
  let client: Client;

  beforeAll(async () => {
    siege = await Siege.start();
    const path = join(siege.daemon.runtimeDirectory, CONTROL_SOCKET_NAME);
    client = new Client(`unix:${path}`, credentials.createInsecure());
  });
  afterAll(async () => {
    client?.close();
    await siege?.[Symbol.asyncDispose]();
  });

  /** Sends the bytes as they are. Answers the status. */
  function call(path: string, isStream: boolean, token: Uint8Array, bytes: Uint8Array) {
    const metadata = new Metadata();
    metadata.set(SESSION_METADATA_KEY, Buffer.from(token));
    const deadline = { deadline: Date.now() + patience() };
    const raw = (message: Uint8Array) => Buffer.from(message);
    return new Promise<number>((resolve) => {
      const told = (error: ServiceError | null) => resolve(error?.code ?? status.OK);
      if (!isStream) {
        client.makeUnaryRequest(path, raw, raw, bytes, metadata, deadline, told);
        return;
      }
      const stream = client.makeServerStreamRequest(path, raw, raw, bytes, metadata, deadline);
      stream.on('metadata', () => stream.cancel());
      stream.on('error', (error) => told('code' in error ? Object(error) : null));
    });
  }

  test('are answered, by every method, and harm nobody', async () => {
    expect(METHODS.length).toBeGreaterThanOrEqual(14);
    const message = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      // Known fields, of any type and with any value.
      fc
        .array(
          fc.tuple(fc.integer({ min: 1, max: 8 }), fc.nat(5), fc.uint8Array({ maxLength: 12 })),
        )
        .map((parts) =>
          Uint8Array.from(parts.flatMap(([field, type, value]) => [(field << 3) | type, ...value])),
        ),
    );
    await siege.worksBeside(async () => {
      using session = await RawFdClient.connect(siege.daemon);
      await fc.assert(
        fc.asyncProperty(fc.constantFrom(...METHODS), message, async (method, bytes) => {
          const { path, responseStream } = method;
          expect(PROPER).toContain(await call(path, responseStream, session.token, bytes));
        }),
        { numRuns: RUNS },
      );
    });
    client.close();
    await siege.settles();
    expect(siege.daemon.log).not.toContain('a call failed');
  });
});
