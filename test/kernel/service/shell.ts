/** Commands of the VM's system, as its administrator types them. */
import { spawnSync } from 'node:child_process';
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

/** A property of the service, as `systemctl show` has it. */
export function property(name: string, unit = 'dmabufd.service'): string {
  return shell(`systemctl show --value --property=${name} ${unit}`);
}

export async function isActive(): Promise<void> {
  await eventually('the service is active', () =>
    property('ActiveState') === 'active' ? true : undefined,
  );
}
