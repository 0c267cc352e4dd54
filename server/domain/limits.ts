/** How much the daemon has to give, all in all. Every count that a client can drive up has its limit here. */
export interface Limits {
  /** Bytes held by all buffers together. */
  readonly maxBytes: number;
  /** Bytes of one buffer. */
  readonly maxBufferBytes: number;
  /** Buffers at once. */
  readonly maxBuffers: number;
  /** Sessions at once, and as many connections to control.sock. */
  readonly maxSessions: number;
  /** Leases of all sessions together. */
  readonly maxLeases: number;
  /** Grants that can be used, of all sessions together. */
  readonly maxGrants: number;
  /** Calls on control.sock that are under way, waiting ones included. */
  readonly maxCalls: number;
  /** Allocations that the kernel works on at once. */
  readonly maxAllocationsAtOnce: number;
  /** Milliseconds after which a wait for a CPU access is told of. */
  readonly slowWaitMs: number;
  /** Events that wait for one watcher. */
  readonly maxQueuedEvents: number;
  /** Event streams that one session, or all administrators without a session together, may have open. */
  readonly maxWatchersPerSession: number;
}
