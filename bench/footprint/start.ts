/** Where the time goes from the start of the daemon's process until it is ready, by what it says on the way. */
import { join } from 'node:path';
import { Daemon, type Installation } from '../installation';
import { median } from '../statistics';

const STARTS = 21;

/** In their order, each until the next begins. */
export const PHASES = [
  'node itself',
  'modules: from the code cache, and node’s own',
  'policy, and heaps that are probed',
  'sockets, services, limits',
] as const;

/** Medians, in ms. */
export async function phases(installation: Installation): Promise<number[]> {
  const starts: number[][] = [];
  for (let i = 0; i < STARTS; i += 1) {
    const preload = join(__dirname, '..', 'programs', 'tell-start.js');
    await using daemon = await Daemon.start(installation, 'one', { preload });
    const start = phasesIn(daemon.log);
    if (start.some(Number.isNaN)) throw new Error(`a phase is not in the log: ${daemon.log}`);
    starts.push(start);
  }
  return PHASES.map((_, phase) => median(starts.map((start) => start[phase] ?? Number.NaN)));
}

function phasesIn(log: string): number[] {
  const [, began = Number.NaN, scripts = Number.NaN] =
    /^began ([\d.]+) scripts ([\d.]+)$/m.exec(log) ?? [];
  const saidAt = (message: string) => {
    const [, time = Number.NaN] = new RegExp(`"time":(\\d+).*"${message}"`).exec(log) ?? [];
    return Number(time);
  };
  const ends = [scripts, saidAt('policy in force'), saidAt('limits planned'), saidAt('ready')];
  return ends.map((end, phase) => Number(end) - Number(phase === 0 ? began : ends[phase - 1]));
}
