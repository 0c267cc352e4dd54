/** What the baselines are made of. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';

const NEEDED = {
  'dbus-daemon': '/usr/bin/dbus-daemon',
  'dbus-broker': '/usr/bin/dbus-broker-launch',
  'libsystemd-dev': '/usr/include/systemd/sd-bus.h',
  'util-linux': '/usr/bin/taskset',
} as const;

/** Installs what is missing where this process may; an error says what to type where it may not. */
export async function findOrInstallPrograms(say: (message: string) => void): Promise<void> {
  const missing = Object.entries(NEEDED).flatMap(([name, file]) =>
    existsSync(file) ? [] : [name],
  );
  if (missing.length === 0) return;
  const install = ['install', '--yes', '--no-install-recommends', ...missing];
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
    throw new Error(
      `${missing.join(', ')}: not there. On Debian: sudo apt-get ${install.join(' ')}`,
    );
  }
  say(`installing ${missing.join(' ')}`);
  execFileSync('apt-get', ['update', '-qq'], { stdio: 'inherit' });
  execFileSync('apt-get', install, { stdio: ['ignore', 'ignore', 'inherit'] });
}
