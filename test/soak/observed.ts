/** A real daemon that can be asked what memory it has in use. */
import { DaemonProcess } from '../e2e/daemon-process';
import { eventually } from '../e2e/slowness';
import { type Memory, REPORT_SIGNAL, REPORTER, reportsIn } from './memory';

export function startObserved(): Promise<DaemonProcess> {
  const launcher = ['env', `NODE_OPTIONS=--require ${JSON.stringify(REPORTER)}`];
  return DaemonProcess.startBy(launcher, process.getuid?.() ?? 0);
}

export async function memoryOf(daemon: DaemonProcess): Promise<Memory> {
  const before = reportsIn(daemon.log).length;
  process.kill(daemon.pid, REPORT_SIGNAL);
  return eventually('a report of the memory', () => reportsIn(daemon.log)[before]);
}
