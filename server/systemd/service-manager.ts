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
  private last: Promise<unknown> = Promise.resolve();
  private statusText = '';
  private isFailing = false;
  private unheard = 0;

  constructor(
    private readonly addon: Pick<NativeAddon, 'sendNotification'>,
    private readonly address: string | null,
    private readonly log: Log,
  ) {}

  ready(status: string): void {
    this.statusText = status;
    this.tell(`READY=1\nSTATUS=${status}`);
  }

  /** One line for people, shown by `systemctl status`. Told only when it is another. */
  status(text: string): void {
    if (text === this.statusText) return;
    this.statusText = text;
    this.tell(`STATUS=${text}`);
  }

  stopping(): void {
    this.tell('STOPPING=1\nSTATUS=stopping');
  }

  /** Gives signs of life from the event loop until the process ends: a loop that hangs gives none. */
  feedWatchdog(watchdogMs: number): void {
    const intervalMs = watchdogMs / SIGNS_OF_LIFE_A_DEADLINE;
    setInterval(() => this.tell('WATCHDOG=1'), intervalMs).unref();
  }

  /** For the fd store. FDPOLL=0: it is for the daemon to say when it is of no use any more. False if nobody listens. */
  storeFd(name: string, fd: Fd): Promise<boolean> {
    return this.send(`FDSTORE=1\nFDNAME=${name}\nFDPOLL=0`, [fd]);
  }

  removeFd(name: string): Promise<boolean> {
    return this.send(`FDSTOREREMOVE=1\nFDNAME=${name}`, []);
  }

  /** Resolves when all that was said until now is in the service manager's queue. */
  async heard(): Promise<void> {
    await this.last;
  }

  private tell(text: string): void {
    if (this.unheard >= MOST_UNHEARD) return;
    this.unheard += 1;
    void this.send(text, []).then(() => {
      this.unheard -= 1;
    });
  }

  /** One after the other. The fds stay the caller's, and open until it resolves. */
  private send(text: string, fds: readonly Fd[]): Promise<boolean> {
    const { address } = this;
    if (address === null) return Promise.resolve(false);
    const sent = this.last.then(async () => {
      try {
        await this.addon.sendNotification(address, text, fds);
        this.isFailing = false;
        return true;
      } catch (err) {
        // Once, and not for each sign of life.
        if (!this.isFailing) this.log.error({ err, text }, 'the service manager cannot be told');
        this.isFailing = true;
        return false;
      }
    });
    this.last = sent;
    return sent;
  }
}
