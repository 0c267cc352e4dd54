/**
 * A daemon that several users may connect to, an honest client of one of them, and what must hold of every attack that another makes:
 * the honest client notices nothing, and afterwards the daemon is as it was before.
 */
import { chmodSync, readdirSync, readFileSync } from 'node:fs';
import type { LedgerTotals } from '../../../client';
import { DaemonProcess } from '../daemon-process';
import { eventually, patience, SLOWNESS } from '../slowness';
import type { Attack } from './attack';
import { type Denial, denialsIn } from './audit-log';
import { HonestClient } from './honest-client';

export const HONEST_UID = 4001;

/** Only root can be several users. Elsewhere these tests say that they were skipped. */
export const describeAsRoot = process.getuid?.() === 0 ? describe : describe.skip;

// Each test has what it waits for by its own deadlines.
jest.setTimeout(patience(120_000));

/** The attacks of a table; where each takes minutes, the first of them. */
export function affordable<T>(attacks: readonly T[]): readonly T[] {
  return SLOWNESS > 1 ? attacks.slice(0, 1) : attacks;
}

/** Rounds of the honest client beside an attack. */
const ROUNDS = SLOWNESS > 1 ? 1 : 2;
/** The garbage collector takes its time; what grows with each attack would pass any bound. */
const MAX_GROWTH_BYTES = 256 * 2 ** 20;

/** A daemon that nobody uses but the honest client, which is paused. */
interface AtRest {
  readonly totals: LedgerTotals;
  readonly threads: number;
}

export class Siege implements AsyncDisposable {
  private constructor(
    readonly daemon: DaemonProcess,
    readonly honest: HonestClient,
    private readonly atRest: AtRest,
  ) {}

  static start(...daemonArgs: string[]): Promise<Siege> {
    return Siege.of(DaemonProcess.start('--socket-mode', '0666', ...daemonArgs));
  }

  static async of(starting: Promise<DaemonProcess>): Promise<Siege> {
    const daemon = await starting;
    try {
      // A daemon of a user keeps others out of its directory.
      for (const directory of [daemon.directory, daemon.runtimeDirectory]) {
        chmodSync(directory, 0o755);
      }
      const honest = await HonestClient.start(daemon, HONEST_UID);
      // What the daemon opens once and keeps is no leak.
      honest.work();
      await honest.rounds(ROUNDS);
      await honest.pause();
      return new Siege(daemon, honest, await rest(daemon));
    } catch (error) {
      await daemon[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Attacks twice: what the first has warmed up, the second must not make grow. Where that takes long, once. */
  async withstands(begin: () => Promise<Attack>): Promise<void> {
    await this.withstandsOnce(begin);
    if (SLOWNESS > 1) return;
    const beforeBytes = this.residentBytes();
    await this.withstandsOnce(begin);
    const afterBytes = this.residentBytes();
    const mib = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`;
    const { currentTestName } = expect.getState();
    process.stderr.write(`${currentTestName}: ${mib(beforeBytes)}, again ${mib(afterBytes)}\n`);
    expect(afterBytes - beforeBytes).toBeLessThan(MAX_GROWTH_BYTES);
  }

  async withstandsOnce(begin: () => Promise<Attack>): Promise<void> {
    await this.worksBeside(async () => {
      await using attack = await begin();
      await this.honest.rounds(ROUNDS);
      await attack.end();
      await this.honest.rounds(1);
    });
    await this.settles();
  }

  /** Waits until the ledger, the open fds and the threads are what they were at first. */
  async settles(): Promise<void> {
    const { totals, threads } = this.atRest;
    await this.daemon.settlesAt(totals);
    await eventually(`no more than ${threads} threads`, () =>
      countThreads(this.daemon) <= threads ? true : undefined,
    );
  }

  /** The refusals in the audit log. */
  denials(): Denial[] {
    return denialsIn(this.daemon.log);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.honest[Symbol.asyncDispose]();
    await this.daemon[Symbol.asyncDispose]();
  }

  /** Does something while the honest client works, which must notice nothing. */
  async worksBeside(during: () => Promise<void>): Promise<void> {
    this.honest.work();
    await this.honest.rounds(1);
    try {
      await during();
    } finally {
      await this.honest.pause();
    }
    const { errors, longest } = this.honest.report;
    process.stderr.write(`longest honest call: ${longest.what}, ${Math.round(longest.ms)} ms\n`);
    expect(errors).toEqual([]);
  }

  private residentBytes(): number {
    const status = readFileSync(`/proc/${this.daemon.pid}/status`, 'utf8');
    return Number(/^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1]) * 1024;
  }
}

/** Waits until nothing of the last rounds is under way any more. */
async function rest(daemon: DaemonProcess): Promise<AtRest> {
  let last = '';
  const totals = await eventually('the daemon is at rest', async () => {
    const now = await daemon.totals();
    const isQuiet = now.chargedBytes === 0 && JSON.stringify(now) === last;
    last = JSON.stringify(now);
    return isQuiet ? now : undefined;
  });
  return { totals, threads: countThreads(daemon) };
}

function countThreads({ pid }: DaemonProcess): number {
  return readdirSync(`/proc/${pid}/task`).length;
}
