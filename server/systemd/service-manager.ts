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

interface Message {
  readonly text: string;
  readonly fds: readonly Fd[];
  /** About the fd store: left out only if the service manager does not listen at all. */
  readonly isOfStore: boolean;
}

export class ServiceManager {
  private last: Promise<void> = Promise.resolve();
  private statusText = '';
  private isFailing = false;
  private said = 0;
  private unheard = 0;
  private unheardOfStore = 0;
  /** Those up to this one are given up: the service manager did not listen while they waited. */
  private givenUp = 0;

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

  /** A reference for the fd store. FDPOLL=0: it is for the daemon to say when it is of no use any more. */
  storeFd(name: string, fd: Fd): void {
    this.send({ text: `FDSTORE=1\nFDNAME=${name}\nFDPOLL=0`, fds: [fd], isOfStore: true });
  }

  removeFd(name: string): void {
    this.send({ text: `FDSTOREREMOVE=1\nFDNAME=${name}`, fds: [], isOfStore: true });
  }

  /** Resolves when what was said about the fd store is in the service manager's queue; null if it is. */
  get pendingFds(): Promise<void> | null {
    return this.unheardOfStore === 0 ? null : this.last;
  }

  /** Resolves when all that was said until now is in the service manager's queue. */
  async heard(): Promise<void> {
    await this.last;
  }

  private tell(text: string): void {
    if (this.unheard < MOST_UNHEARD) this.send({ text, fds: [], isOfStore: false });
  }

  private send(message: Message): void {
    const { address } = this;
    if (address === null) return;
    this.said += 1;
    const number = this.said;
    const count = (by: 1 | -1) => {
      if (message.isOfStore) this.unheardOfStore += by;
      else this.unheard += by;
    };
    count(1);
    // The fd may be closed by whoever gave it before its turn comes.
    const fds = message.fds.map((fd) => fd.duplicate());
    this.last = this.last
      .then(() => this.deliver(address, number, { ...message, fds }))
      .finally(() => {
        count(-1);
        for (const fd of fds) fd.close();
      });
  }

  private async deliver(address: string, number: number, { text, fds }: Message): Promise<void> {
    if (number <= this.givenUp) return;
    try {
      await this.addon.sendNotification(address, text, fds);
      this.isFailing = false;
    } catch (err) {
      // Once, and not for each sign of life.
      if (!this.isFailing) this.log.error({ err, text }, 'the service manager cannot be told');
      this.isFailing = true;
      this.givenUp = this.said;
    }
  }
}
