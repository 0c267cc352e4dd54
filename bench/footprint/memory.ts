/** What the daemon has in memory, doing nothing and doing much. */
import { readFileSync } from 'node:fs';
import { connect } from '../../client';
import { Daemon, type Installation } from '../installation';
import { CALLS, IDLE_MS, makeCalls, PAUSE_MS, pause, rest } from '../loads';
import { Server } from '../processes';

const SESSIONS = 500;

/** In MiB. */
interface Usage {
  readonly what: string;
  /** Whatever of it is in memory, also what it shares with others. */
  readonly resident: number;
  /** The same, with what is shared divided by how many share it. */
  readonly proportional: number;
  /** What no file is behind: nobody else has it, and it cannot be dropped. */
  readonly anonymous: number;
}

const LOADS: readonly { what: string; act: (daemon: Daemon) => Promise<unknown> }[] = [
  { what: 'just started', act: async () => {} },
  { what: `idle for ${IDLE_MS / 1000} s`, act: rest },
  {
    what: `${PAUSE_MS / 1000} s after ${CALLS.toLocaleString('en')} unary calls`,
    act: makeCalls,
  },
  {
    what: `with ${SESSIONS} sessions, each with a buffer`,
    async act({ directory }) {
      for (let i = 0; i < SESSIONS; i += 1) {
        const broker = await connect({ runtimeDirectory: directory });
        await broker.allocate({ sizeBytes: 4096, heap: 'memfd' });
      }
      await pause();
    },
  },
];

export async function usages(installation: Installation): Promise<Usage[]> {
  const found: Usage[] = [];
  {
    await using script = await Server.start('one', ...installation.script('idle'));
    found.push(usageOf(script.pid, 'an empty Node script'));
  }
  for (const { what, act } of LOADS) {
    await using daemon = await Daemon.start(installation, 'one', { hasMostFds: true });
    await act(daemon);
    found.push(usageOf(daemon.pid, `the daemon, ${what}`));
  }
  return found;
}

/** smaps_rollup of proc_pid_smaps(5). */
function usageOf(pid: number, what: string): Usage {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const mebibytes = (field: string) => {
    const [, kibibytes] = new RegExp(`^${field}: +(\\d+) kB$`, 'm').exec(text) ?? [];
    return Number(kibibytes) / 1024;
  };
  return {
    what,
    resident: mebibytes('Rss'),
    proportional: mebibytes('Pss'),
    anonymous: mebibytes('Anonymous'),
  };
}
