/**
 * A stream of events as something to iterate over. It holds what has come and has not been read, up to a bound beyond
 * which it lets the daemon wait; the daemon ends the stream of a watcher that never catches up.
 */
import type { ClientReadableStream } from '@grpc/grpc-js';
import type { WatchEventsResponse__Output } from '../proto/generated/dmabufd/v1/WatchEventsResponse';
import { errorOfStream } from './control-connection';
import { ConnectionLostError, DmabufdError, errorOfAbort } from './errors';
import { type BrokerEvent, describeEvent } from './events';

/** Events held here before the stream is paused. */
const MOST_UNREAD = 256;

interface Reader {
  readonly resolve: (result: IteratorResult<BrokerEvent, undefined>) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Events, in order, from the moment that the stream was opened. Iterating ends when it is closed, and throws when the
 * session ends (ConnectionLostError) or the daemon ends the stream (`RESOURCE_EXHAUSTED`: read too slowly).
 */
export class EventStream implements AsyncIterableIterator<BrokerEvent, undefined>, AsyncDisposable {
  readonly #source: ClientReadableStream<WatchEventsResponse__Output>;
  readonly #unread: BrokerEvent[] = [];
  readonly #readers: Reader[] = [];
  #closed = false;
  #failure: DmabufdError | null = null;

  /** `lost` fails the stream, with its reason; `stop` closes it. */
  constructor(
    source: ClientReadableStream<WatchEventsResponse__Output>,
    lost: AbortSignal,
    stop?: AbortSignal,
  ) {
    this.#source = source;
    source.on('data', (message: WatchEventsResponse__Output) => this.#take(describeEvent(message)));
    source.on('error', (error) => this.#fail(errorOfStream(error)));
    source.on('end', () => this.#fail(new ConnectionLostError('the daemon ended the stream')));
    this.#onAbort(lost, () => {
      this.#fail(errorOfAbort(lost, 'the event stream'));
      source.cancel();
    });
    if (stop !== undefined) this.#onAbort(stop, () => this.close());
  }

  next(): Promise<IteratorResult<BrokerEvent, undefined>> {
    const value = this.#unread.shift();
    if (value !== undefined) {
      if (this.#unread.length === 0) this.#source.resume();
      return Promise.resolve({ value, done: false });
    }
    if (this.#closed) return Promise.resolve({ value: undefined, done: true });
    if (this.#failure !== null) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#readers.push({ resolve, reject });
    });
  }

  /** Waits for the first event that `wanted` accepts, and skips those before it. */
  async find<Found extends BrokerEvent>(
    wanted: (event: BrokerEvent) => event is Found,
  ): Promise<Found>;
  async find(wanted: (event: BrokerEvent) => boolean): Promise<BrokerEvent>;
  async find(wanted: (event: BrokerEvent) => boolean): Promise<BrokerEvent> {
    for (;;) {
      const { value, done } = await this.next();
      if (done === true) throw new DmabufdError('CANCELLED', 'the event stream was closed');
      if (wanted(value)) return value;
    }
  }

  /** Stops watching. What has not been read is dropped. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#unread.length = 0;
    this.#source.cancel();
    for (const { resolve } of this.#readers.splice(0)) resolve({ value: undefined, done: true });
  }

  /** What `break` in a `for await` calls. */
  return(): Promise<IteratorResult<BrokerEvent, undefined>> {
    this.close();
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.close();
    return Promise.resolve();
  }

  #onAbort(signal: AbortSignal, act: () => void): void {
    if (signal.aborted) {
      act();
      return;
    }
    signal.addEventListener('abort', act);
    this.#source.once('close', () => signal.removeEventListener('abort', act));
  }

  #take(event: BrokerEvent): void {
    const reader = this.#readers.shift();
    if (reader !== undefined) {
      reader.resolve({ value: event, done: false });
      return;
    }
    this.#unread.push(event);
    if (this.#unread.length >= MOST_UNREAD) this.#source.pause();
  }

  #fail(error: DmabufdError): void {
    if (this.#closed || this.#failure !== null) return;
    this.#failure = error;
    for (const { reject } of this.#readers.splice(0)) reject(error);
  }
}
