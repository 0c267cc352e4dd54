/**
 * What the daemon tells the service manager (sd_notify(3)), one message after the other: that it is ready, how it does, that it
 * lives, and which fds to keep for its successor. Without a service manager nobody is told, and nothing is kept.
 */
import type { Fd, NativeAddon } from '../../native';
import type { Log } from '../log';

/** Twice as often as the service manager wants, as sd_watchdog_enabled(3) advises. */
const SIGNS_OF_LIFE_A_DEADLINE = 2;
/** A service manager that takes none of these hangs: what is said later is about later, and nothing piles up. */
const MOST_UNHEARD = 16;

export class ServiceManager {
  private last: Promise<void> = Promise.resolve();
  private statusText = '';
  private isFailing = false;
  private unheard = 0;

  constructor(
    private readonly addon: Pick<NativeAddon, 'sendNotification'>,
    private readonly address: string | null,
    private readonly log: Log,
  ) {}

  get isThere(): boolean {
    return this.address !== null;
  }

  ready(status: string): void {
    this.statusText = status;
    void this.tell(`READY=1\nSTATUS=${status}`);
  }

  /** One line for people, shown by `systemctl status`. Told only when it is another. */
  status(text: string): void {
    if (text === this.statusText) return;
    this.statusText = text;
    void this.tell(`STATUS=${text}`);
  }

  stopping(): void {
    void this.tell('STOPPING=1\nSTATUS=stopping');
  }

  /** Gives signs of life from the event loop until the process ends: a loop that hangs gives none. */
  feedWatchdog(watchdogMs: number): void {
    const intervalMs = watchdogMs / SIGNS_OF_LIFE_A_DEADLINE;
    setInterval(() => void this.tell('WATCHDOG=1'), intervalMs).unref();
  }

  /** Resolves when all that was said until now is in the service manager's queue. */
  async heard(): Promise<void> {
    await this.last;
  }

  private tell(text: string, fds: readonly Fd[] = []): Promise<void> {
    const { address } = this;
    if (address === null || this.unheard >= MOST_UNHEARD) return Promise.resolve();
    this.unheard += 1;
    const told = this.last.then(() => this.addon.sendNotification(address, text, fds));
    this.last = told.then(
      () => {
        this.unheard -= 1;
        this.isFailing = false;
      },
      (err: unknown) => {
        this.unheard -= 1;
        // Once, and not for each sign of life.
        if (!this.isFailing) this.log.error({ err, text }, 'the service manager cannot be told');
        this.isFailing = true;
      },
    );
    return this.last;
  }
}
