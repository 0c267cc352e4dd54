/**
 * The bracket around the CPU's access to a buffer: begin, hand out the memory, take it back, end, for every way in
 * which the callback in between can finish. Arbitrated brackets are the daemon's (exclusion and coherency); direct ones
 * are DMA_BUF_IOCTL_SYNC on this process's own fd (coherency only).
 */
import type { Mapping } from '../native';
import { DmaBufSync } from '../native';
import { type AccessMode, MODE_FLAGS, MODE_NAMES, requireMode } from './access-mode';
import {
  CallLimits,
  type CallOptions,
  DEFAULT_TIMEOUT_MS,
  requireTime,
  waitWithin,
} from './call-limits';
import type { ControlConnection } from './control-connection';
import { DmabufdError } from './errors';
import { fencesOf } from './fences';
import type { Lease } from './lease';

/**
 * How a buffer is accessed. `timeoutMs` bounds the wait for the access, and once more, if it is over 30 s, that for the daemon's
 * answer to its end; `signal` ends the access, too.
 */
export interface AccessOptions extends CallOptions {
  /**
   * True (the default): the daemon gives exclusion, many readers or one writer, and coherency. False: only
   * coherency, by DMA_BUF_IOCTL_SYNC on this process's own fd, without a call to the daemon. Others, arbitrated or not, may
   * be inside at the same time, and see half of what is written.
   */
  readonly arbitrated?: boolean | undefined;
}

/** What runs inside an access. */
export type WithMapping<T> = (mapping: Mapping) => T | Promise<T>;

/** How an access is opened and closed. `end` is called exactly once for each `begin` that was called and resolved. */
interface Bracket {
  readonly begin: (limits: CallLimits) => Promise<void>;
  readonly end: () => Promise<void>;
  /** Resolves when no end is owed any more, which may be after `end` has given up waiting for it. */
  readonly settled: () => Promise<void>;
}

/** Runs a callback with the buffer's memory inside an access, which has ended when this settles. */
export async function withAccess<T>(
  lease: Lease,
  mode: AccessMode,
  callback: WithMapping<T>,
  options: AccessOptions = {},
): Promise<T> {
  const limits = new CallLimits(options);
  requireMode(mode);
  const what = `${mode} access to buffer ${lease.id}`;
  lease.requireHeld();
  const queued = `${what}: this process has another access to it open (its accesses to a buffer queue up, and cannot be nested)`;
  const leave = await lease.turns.enter(limits, queued, [lease.ending]);
  let settled = () => Promise.resolve();
  try {
    const mapping = await lease.mapping(limits);
    requireWritable(mapping, mode, lease.id);
    const bracket =
      options.arbitrated === false
        ? await direct(lease, mode, limits)
        : arbitrated(lease, mode, limits);
    ({ settled } = bracket);
    await bracket.begin(limits);
    // Without its session nobody keeps the others out any more.
    const lost = options.arbitrated === false ? [] : [lease.session.control.closed];
    const ends = [lease.ending, ...lost];
    return await runInside(bracket, callback, { mapping, what, signal: options.signal, ends });
  } finally {
    // Not before: an end that comes late must not be that of the next access.
    void settled().then(leave);
  }
}

interface Inside {
  readonly mapping: Mapping;
  readonly what: string;
  /** The caller's. */
  readonly signal: AbortSignal | undefined;
  /** What else ends it. */
  readonly ends: readonly AbortSignal[];
}

async function runInside<T>(
  bracket: Bracket,
  callback: WithMapping<T>,
  inside: Inside,
): Promise<T> {
  const { mapping } = inside;
  let result: T;
  try {
    result = await runCallback(callback, inside);
  } catch (error) {
    mapping.detach();
    // Whatever became of the end, the callback's own error is what the caller must see.
    await bracket.end().catch(() => {});
    throw error;
  }
  mapping.detach();
  await bracket.end();
  return result;
}

/** One that answers at once is not waited for: to listen for all that may end it is dear beside the rest of an access. */
function runCallback<T>(
  callback: WithMapping<T>,
  { mapping, what, signal, ends }: Inside,
): T | Promise<T> {
  // The timeout was for the wait; how long the callback takes is the caller's business.
  const limits = new CallLimits({ signal, timeoutMs: Number.POSITIVE_INFINITY });
  requireTime(limits, what, ends);
  const result = callback(mapping);
  if (!isThenable(result)) {
    // It may have ended the access itself.
    requireTime(limits, what, ends);
    return result;
  }
  // So it may here, and then nobody listens to what becomes of it.
  result.then(undefined, () => {});
  return waitFor(result, limits, what, ends);
}

function isThenable<T>(result: T | PromiseLike<T>): result is PromiseLike<T> {
  return (
    typeof result === 'object' &&
    result !== null &&
    'then' in result &&
    typeof result.then === 'function'
  );
}

function arbitrated(lease: Lease, mode: AccessMode, { timeoutMs }: CallLimits): Bracket {
  const { control } = lease.session;
  let owed: Promise<void> | null = null;
  // One at a time: another one that is still under way when this access is over would end somebody else's.
  const end = (limits: CallLimits): Promise<void> => {
    owed ??= endWhileSessionLives(control, lease.id).finally(() => {
      owed = null;
    });
    owed.catch(() => {});
    return waitFor(owed, limits, 'EndCpuAccess');
  };
  return {
    begin: async (limits) => {
      lease.requireLive();
      const request = { bufferId: lease.id, mode: MODE_NAMES[mode] };
      // The daemon may have begun it before it was restarted; begun again, it is in the right place of the queue.
      const endFirst = () => end(limits).catch(ignoreNotBegun);
      try {
        await control.beginAccess(request, limits, endFirst);
      } catch (error) {
        // The daemon may have begun it in the moment in which this side gave up.
        if (gaveUp(error)) await end(new CallLimits()).catch(() => {});
        throw error;
      }
    },
    end: async () => {
      lease.requireLive();
      // Limits of its own: those of the access may be used up, and an end is owed all the same.
      await end(new CallLimits({ timeoutMs: Math.max(timeoutMs, DEFAULT_TIMEOUT_MS) }));
    },
    settled: async () => owed?.catch(() => {}),
  };
}

/** However long the daemon takes to come back: nobody else can end it but the session's own end. */
function endWhileSessionLives(control: ControlConnection, bufferId: number): Promise<void> {
  const limits = new CallLimits({ timeoutMs: Number.POSITIVE_INFINITY });
  return control.untilAnswered(limits, 'EndCpuAccess', async (isRepeated) => {
    try {
      await control.endAccess({ bufferId }, limits);
    } catch (error) {
      // The first was carried out, and its answer lost with the daemon that was restarted.
      if (!isRepeated) throw error;
      ignoreNotBegun(error);
    }
  });
}

function ignoreNotBegun(error: unknown): void {
  const isNotBegun = error instanceof DmabufdError && error.code === 'FAILED_PRECONDITION';
  if (!isNotBegun) throw error;
}

/** What is waited for goes on if a limit is reached before. */
function waitFor<T>(
  promise: PromiseLike<T>,
  limits: CallLimits,
  what: string,
  signals: readonly AbortSignal[] = [],
): Promise<T> {
  return waitWithin<T>({
    limits,
    what,
    signals,
    start: (resolve, reject) => {
      promise.then(resolve, reject);
      return () => {};
    },
  });
}

function gaveUp(error: unknown): boolean {
  return (
    error instanceof DmabufdError &&
    ['CANCELLED', 'DEADLINE_EXCEEDED', 'UNAVAILABLE'].includes(error.code)
  );
}

async function direct(lease: Lease, mode: AccessMode, limits: CallLimits): Promise<Bracket> {
  // A memfd is coherent memory: there is nothing to bracket.
  if (lease.description.memory !== 'dma-buf') {
    const nothing = () => Promise.resolve();
    return { begin: nothing, end: nothing, settled: nothing };
  }
  const flags = MODE_FLAGS[mode];
  // Of its own, so that the END that is owed can be said whatever becomes of the lease.
  const fd = (await lease.fd(limits)).duplicate();
  return {
    begin: async (remaining) => {
      try {
        // SYNC START would wait for fences, too, but without a deadline. Some may come in between.
        do await fencesOf(lease, fd, mode, remaining);
        while (!(await lease.port.beginSync(fd, flags)));
      } catch (error) {
        fd.close();
        throw error;
      }
    },
    end: async () => {
      try {
        await lease.port.syncDmaBuf(fd, flags | DmaBufSync.END);
      } finally {
        fd.close();
      }
    },
    settled: () => Promise.resolve(),
  };
}

function requireWritable(mapping: Mapping, mode: AccessMode, bufferId: number): void {
  if (mode === 'read' || mapping.writable) return;
  throw new DmabufdError(
    'PERMISSION_DENIED',
    `mode: ${mode}: the lease on buffer ${bufferId} is for reading only`,
  );
}
