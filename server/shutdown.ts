/**
 * How the daemon ends. By a signal: in order, and in a bounded time, whatever hangs. By a defect: at once and with an
 * error, so that a service manager starts it again; what a client can send must never lead there.
 */
import type { Log } from './log';

/** After this the process ends without having finished. */
const STOP_TIMEOUT_MS = 3_000;
const EXIT_DEFECT = 70;

export function onStopSignal(
  log: Log,
  flush: () => Promise<void>,
  stop: () => Promise<void>,
): void {
  let isStopping = false;
  const exit = (code: number) => {
    void flush().then(() => process.exit(code));
  };
  const onSignal = (signal: NodeJS.Signals) => {
    log.info({ signal }, isStopping ? 'stopping already' : 'stopping');
    if (isStopping) return;
    isStopping = true;
    setTimeout(() => {
      log.error({ timeoutMs: STOP_TIMEOUT_MS }, 'stopping took too long');
      exit(1);
    }, STOP_TIMEOUT_MS).unref();
    stop().then(
      () => {
        log.info('stopped');
        exit(0);
      },
      (error: unknown) => {
        log.fatal({ err: error }, 'stopping failed');
        exit(1);
      },
    );
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
}

export function exitOnDefects(log: Log, flush: () => Promise<void>): void {
  const onDefect = (error: unknown) => {
    log.fatal({ err: error }, 'a defect: the daemon ends');
    void flush().then(() => process.exit(EXIT_DEFECT));
  };
  process.on('uncaughtException', onDefect);
  process.on('unhandledRejection', onDefect);
}
