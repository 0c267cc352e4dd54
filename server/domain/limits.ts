/** How much the daemon gives, all in all and to one. Every count that a client can drive up has its limit here. */
export interface Limits {
  /** Bytes held by all buffers together. */
  readonly maxBytes: number;
  /** Bytes held by the buffers of one user. */
  readonly maxBytesPerUid: number;
  /** Bytes of one buffer. */
  readonly maxBufferBytes: number;
  /** Buffers at once. */
  readonly maxBuffers: number;
  /** Leases that one session may hold. */
  readonly maxLeasesPerSession: number;
  /** Grants that one session may have made. */
  readonly maxGrantsPerSession: number;
  /** Events that wait for one watcher. */
  readonly maxQueuedEvents: number;
  /** Event streams that one session, or all administrators without a session together, may have open. */
  readonly maxWatchersPerSession: number;
}
