/**
 * The steps of this session's accesses, over one stream for all of them: a message each way is a fraction of a call. It is opened with
 * the first step, and anew after it has ended.
 */
import { type ClientDuplexStream, status } from '@grpc/grpc-js';
import type { StreamCpuAccessesRequest } from '../proto/generated/dmabufd/v1/StreamCpuAccessesRequest';
import type { StreamCpuAccessesResponse__Output } from '../proto/generated/dmabufd/v1/StreamCpuAccessesResponse';
import { ConnectionLostError, type DmabufdError, errorOfStatus } from './errors';

export type AccessStep = Pick<StreamCpuAccessesRequest, 'begin' | 'end' | 'timeoutMs'>;
type Stream = ClientDuplexStream<StreamCpuAccessesRequest, StreamCpuAccessesResponse__Output>;

interface Opened {
  readonly stream: Stream;
  /** What the stream ended with, as an application sees it. */
  readonly errorOf: (error: Error) => DmabufdError;
}

interface Pending {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

const LAST_SERIAL = 0xffff_ffff;

export class AccessStream {
  readonly #open: () => Opened;
  readonly #pending = new Map<number, Pending>();
  #stream: Stream | null = null;
  #closedBy: DmabufdError | null = null;
  #lastSerial = 0;

  constructor(open: () => Opened) {
    this.#open = open;
  }

  /** Takes a step. Answers how to give it up; nothing is settled after that. */
  take(step: AccessStep, resolve: Pending['resolve'], reject: Pending['reject']): () => void {
    if (this.#closedBy !== null) {
      reject(this.#closedBy);
      return () => {};
    }
    const stream = this.#opened();
    const serial = this.#nextSerial();
    this.#pending.set(serial, { resolve, reject });
    stream.write({ serial, ...step });
    return () => {
      if (this.#pending.delete(serial) && stream === this.#stream && step.begin) {
        stream.write({ serial: this.#nextSerial(), giveUp: serial });
      }
    };
  }

  /** Rejects what is not answered, and all that comes, with the reason. An open stream would keep the process alive. */
  close(reason: DmabufdError): void {
    this.#closedBy = reason;
    this.#stream?.cancel();
    this.#rejectAll(reason);
  }

  #opened(): Stream {
    if (this.#stream !== null) return this.#stream;
    const { stream, errorOf } = this.#open();
    this.#stream = stream;
    stream.on('data', (answer) => this.#settle(answer));
    stream.on('error', (error) => this.#ended(stream, errorOf(error)));
    stream.on('end', () =>
      this.#ended(stream, new ConnectionLostError('the daemon ended the stream of accesses')),
    );
    return stream;
  }

  #settle({ serial, code, message }: StreamCpuAccessesResponse__Output): void {
    const pending = this.#pending.get(serial);
    this.#pending.delete(serial);
    if (code === status.OK) pending?.resolve();
    else pending?.reject(errorOfStatus(code, message));
  }

  #ended(stream: Stream, error: DmabufdError): void {
    if (stream !== this.#stream) return;
    this.#stream = null;
    this.#rejectAll(error);
  }

  #rejectAll(error: DmabufdError): void {
    const all = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject } of all) reject(error);
  }

  #nextSerial(): number {
    do this.#lastSerial = (this.#lastSerial % LAST_SERIAL) + 1;
    while (this.#pending.has(this.#lastSerial));
    return this.#lastSerial;
  }
}
