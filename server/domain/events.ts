/**
 * What happened, told to those who may know, while it happens. Events are numbered whether or not somebody
 * listens. Each listener has a bounded queue of its own: one that reads too slowly loses its feed and costs
 * nobody else anything.
 */
import type { Access } from './access';
import { DomainError } from './errors';
import type { BufferId, GrantId, SessionId } from './ids';
import type { Peer } from './peer';
import type { Clock } from './ports';
import type { BufferView } from './views';

export type GrantEndReason = 'revoked' | 'expired' | 'used-up' | 'owner-gone';

export type EventBody =
  | { readonly type: 'session-opened'; readonly peer: Peer }
  | { readonly type: 'session-closed'; readonly reason: string }
  | { readonly type: 'buffer-created'; readonly buffer: BufferView }
  | { readonly type: 'buffer-destroyed'; readonly bufferId: BufferId }
  | {
      readonly type: 'lease-opened';
      readonly bufferId: BufferId;
      readonly access: Access;
      readonly peer: Peer;
    }
  | { readonly type: 'lease-released'; readonly bufferId: BufferId }
  | { readonly type: 'lease-revoked'; readonly bufferId: BufferId }
  | {
      readonly type: 'grant-created';
      readonly grantId: GrantId;
      readonly bufferId: BufferId;
      readonly name: string | null;
    }
  | {
      readonly type: 'grant-ended';
      readonly grantId: GrantId;
      readonly bufferId: BufferId;
      readonly reason: GrantEndReason;
    }
  | { readonly type: 'cpu-access-began'; readonly bufferId: BufferId; readonly writes: boolean }
  | { readonly type: 'cpu-access-ended'; readonly bufferId: BufferId; readonly writes: boolean }
  | {
      readonly type: 'cpu-access-delayed';
      readonly bufferId: BufferId;
      readonly writes: boolean;
      readonly waitedMs: number;
      /** Who or what it waits for. */
      readonly obstacle: string;
    };

export interface Event {
  readonly sequence: number;
  readonly timeMs: number;
  /** Who did it, or whom it happened to. */
  readonly sessionId: SessionId;
  readonly body: EventBody;
}

/** Whom a feed is for: one session, or all sessions' events for an administrator. */
export type Watcher = SessionId | 'all';

/** One listener's queue. */
export class EventFeed {
  private readonly queue: Event[] = [];
  private ended: DomainError | null = null;
  private wake: (() => void) | null = null;

  constructor(
    private readonly maxQueued: number,
    private readonly onClosed: (feed: EventFeed) => void,
  ) {}

  /** The next event. Rejects, after the last, with why there will be no more. */
  async next(): Promise<Event> {
    for (;;) {
      const event = this.queue.shift();
      if (event !== undefined) return event;
      if (this.ended !== null) throw this.ended;
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }

  push(event: Event): void {
    if (this.ended !== null) return;
    if (this.queue.length >= this.maxQueued) {
      this.end(
        new DomainError(
          'resource-exhausted',
          `${this.maxQueued} events wait to be read, which is the limit: read faster, or watch again`,
        ),
      );
      return;
    }
    this.queue.push(event);
    this.notify();
  }

  /** Nothing comes any more. What is queued can still be read. */
  end(reason: DomainError): void {
    if (this.ended !== null) return;
    this.ended = reason;
    this.onClosed(this);
    this.notify();
  }

  private notify(): void {
    const wake = this.wake;
    this.wake = null;
    wake?.();
  }
}

export class EventHub {
  private sequence = 0;
  private readonly feeds = new Map<Watcher, Set<EventFeed>>();

  constructor(
    private readonly clock: Clock,
    private readonly limits: {
      readonly maxQueuedEvents: number;
      readonly maxWatchersPerSession: number;
    },
  ) {}

  /** Tells an event to the administrators and to those sessions in `audience` that watch. */
  publish(sessionId: SessionId, body: EventBody, audience: Iterable<SessionId>): void {
    this.sequence += 1;
    if (this.feeds.size === 0) return;
    const event = { sequence: this.sequence, timeMs: this.clock.now(), sessionId, body };
    this.push('all', event);
    if (this.feeds.size === 1 && this.feeds.has('all')) return;
    for (const id of new Set(audience)) this.push(id, event);
  }

  watch(watcher: Watcher): EventFeed {
    const feeds = this.feeds.get(watcher) ?? new Set();
    const limit = this.limits.maxWatchersPerSession;
    if (feeds.size >= limit) {
      throw new DomainError(
        'resource-exhausted',
        `${limit} event streams are open already, the limit`,
      );
    }
    const feed = new EventFeed(this.limits.maxQueuedEvents, (closed) => {
      feeds.delete(closed);
      if (feeds.size === 0) this.feeds.delete(watcher);
    });
    feeds.add(feed);
    this.feeds.set(watcher, feeds);
    return feed;
  }

  /** Ends a session's feeds. */
  endFeeds(watcher: Watcher, reason: DomainError): void {
    for (const feed of [...(this.feeds.get(watcher) ?? [])]) feed.end(reason);
  }

  endAll(reason: DomainError): void {
    for (const watcher of [...this.feeds.keys()]) this.endFeeds(watcher, reason);
  }

  private push(watcher: Watcher, event: Event): void {
    for (const feed of this.feeds.get(watcher) ?? []) feed.push(event);
  }
}
