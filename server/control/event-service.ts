/** EventService of events.proto. A watcher is told as fast as it reads; its queue is bounded by the domain. */
import { Metadata, type ServerWritableStream } from '@grpc/grpc-js';
import type { EventServiceHandlers } from '../../proto/generated/dmabufd/v1/EventService';
import type { WatchEventsRequest__Output } from '../../proto/generated/dmabufd/v1/WatchEventsRequest';
import type { WatchEventsResponse } from '../../proto/generated/dmabufd/v1/WatchEventsResponse';
import type { Broker } from '../domain/broker';
import type { Caller } from '../domain/callers';
import { DomainError } from '../domain/errors';
import type { EventFeed } from '../domain/events';
import { Call, type CallContext, refusalOf } from './call';
import { toWatchEventsResponse } from './event-messages';

type WatchCall = ServerWritableStream<WatchEventsRequest__Output, WatchEventsResponse>;

export function eventService(broker: Broker, context: CallContext): EventServiceHandlers {
  return {
    WatchEvents(stream) {
      watch(broker, context, stream).catch((error: unknown) => {
        // Its 'error' is how grpc-js is given a status; nothing throws.
        stream.emit('error', refusalOf(error, stream.getPath(), context.log));
      });
    },
  };
}

async function watch(broker: Broker, context: CallContext, stream: WatchCall): Promise<void> {
  context.bookFdPlane();
  const call = new Call(stream, context);
  try {
    await tell(broker, call.caller, stream, context);
  } finally {
    call.end();
  }
}

async function tell(
  broker: Broker,
  caller: Caller,
  stream: WatchCall,
  context: CallContext,
): Promise<void> {
  const feed = broker.watch(caller, stream.request.allSessions);
  const end = () => feed.end(new DomainError('cancelled', 'the call was cancelled'));
  stream.once('cancelled', end);
  if (stream.cancelled) end();
  // At once, so that the client knows from when on it is told.
  stream.sendMetadata(new Metadata());
  context.log.debug(
    { peer: { pid: caller.peer.pid }, session: caller.sessionId },
    'watching events',
  );
  const account = context.broker.callers.accountOf(caller.peer);
  const turn = () => new Promise<void>((resolve) => context.turns.take(account, resolve));
  await forward(feed, stream, turn);
}

/**
 * Never resolves: a feed ends by rejecting with its reason. One call may be an event to many watchers, so each message waits
 * for a turn of its watcher's account.
 */
async function forward(
  feed: EventFeed,
  stream: WatchCall,
  turn: () => Promise<void>,
): Promise<never> {
  for (;;) {
    const event = await feed.next();
    await turn();
    if (stream.cancelled) throw new DomainError('cancelled', 'the call was cancelled');
    const mayGoOn = stream.write(toWatchEventsResponse(event));
    if (!mayGoOn) await untilDrained(stream);
  }
}

/** Or until the call is cancelled, after which it would never drain. */
function untilDrained(stream: WatchCall): Promise<void> {
  return new Promise((resolve) => {
    const go = () => {
      stream.removeListener('drain', go);
      stream.removeListener('cancelled', go);
      resolve();
    };
    stream.once('drain', go);
    stream.once('cancelled', go);
  });
}
