/**
 * The log: one JSON object a line on stderr. Sessions come and go at info, calls are told at debug, and what is allowed and
 * denied at audit, a level of its own above info. Never in it: tokens, secrets, and what is in a buffer.
 */
import pino from 'pino';

export const LOG_LEVELS = [
  'trace',
  'debug',
  'info',
  'audit',
  'warn',
  'error',
  'fatal',
  'silent',
] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export type Log = pino.Logger<'audit'>;

/** Between info (30) and warn (40): `--log-level audit` keeps it and all that is worse, without the chatter. */
const AUDIT_LEVEL = 35;

const FLUSH_TIMEOUT_MS = 500;
const MAX_LOGGED_GROUPS = 32;
const MAX_UNWRITTEN_BYTES = 4 * 1024 * 1024;

export interface LogSink {
  readonly log: Log;
  /** Writes out what is still in memory, for the last moments of the process. Waits for a reader only so long. */
  flush(): Promise<void>;
}

export function openLog(level: LogLevel): LogSink {
  // Asynchronous and bounded: whoever reads stderr slowly loses lines, and does not stop the daemon.
  // With a minLength of 0, flush() would call back before anything is written.
  const destination = pino.destination({
    dest: 2,
    sync: false,
    minLength: 1,
    maxLength: MAX_UNWRITTEN_BYTES,
  });
  // It tries again for ever when nobody reads stderr any more, and pino calls it after fatal lines and at exit.
  Object.assign(destination, { flushSync: () => undefined });
  // Nobody reads: lines are lost, and the daemon goes on.
  destination.on('error', () => undefined);
  const customLevels = { audit: AUDIT_LEVEL };
  const serializers = { peer: shortenGroups };
  const log: Log = pino({ name: 'dmabufd', level, customLevels, serializers }, destination);
  reportLostLines(destination, log);
  return {
    log,
    flush() {
      return new Promise((resolve) => {
        setTimeout(resolve, FLUSH_TIMEOUT_MS);
        destination.flush(() => resolve());
      });
    },
  };
}

/** Says how many lines were lost, once somebody reads again. */
function reportLostLines(destination: ReturnType<typeof pino.destination>, log: Log): void {
  let lost = 0;
  destination.on('drop', () => {
    lost += 1;
  });
  destination.on('drain', () => {
    if (lost === 0) return;
    const lines = lost;
    lost = 0;
    log.error({ lines }, 'lines of the log were lost: nobody read them in time');
  });
}

/** A process may be in thousands of groups, and each line of the log would say so. */
function shortenGroups(peer: unknown): unknown {
  const groups: unknown = peer !== null && typeof peer === 'object' && Reflect.get(peer, 'groups');
  if (!Array.isArray(groups) || groups.length <= MAX_LOGGED_GROUPS) return peer;
  return { ...Object(peer), groups: groups.slice(0, MAX_LOGGED_GROUPS), groupCount: groups.length };
}
