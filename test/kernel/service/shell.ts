/** Commands of the VM's system, as its administrator types them. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { eventually } from '../../e2e/slowness';

/** What a command line printed, and how it ended. */
export interface Ran {
  readonly code: number | null;
  /** Both streams. */
  readonly output: string;
}

export function tryShell(commandLine: string): Ran {
  const { status, stdout, stderr } = spawnSync('/bin/sh', ['-c', commandLine], {
    encoding: 'utf8',
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', SYSTEMD_PAGER: '' },
  });
  return { code: status, output: `${stdout}${stderr}` };
}

/** Throws what it printed if it fails. */
export function shell(commandLine: string): string {
  const { code, output } = tryShell(commandLine);
  if (code !== 0) throw new Error(`${commandLine}: exit code ${code}: ${output}`);
  return output.trim();
}

/** The same while this process goes on working. What fails is told with what the daemon said last. */
export async function shellBeside(commandLine: string): Promise<void> {
  const child = spawn('/bin/sh', ['-c', commandLine], { stdio: ['ignore', 'inherit', 'inherit'] });
  const [code] = await once(child, 'exit');
  if (code === 0) return;
  const said = shell('journalctl --unit=dmabufd.service --output=cat --lines=60');
  throw new Error(`${commandLine}: exit code ${code}\n${said}`);
}

/** A property of the service, as `systemctl show` has it. */
export function property(name: string, unit = 'dmabufd.service'): string {
  return shell(`systemctl show --value --property=${name} ${unit}`);
}

export async function isActive(): Promise<void> {
  await eventually('the service is active', () =>
    property('ActiveState') === 'active' ? true : undefined,
  );
}
