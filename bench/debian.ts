/** What the baselines are made of. */
import { existsSync } from 'node:fs';
import { installCommand, installPackages, mayInstallPackages } from '../test/host/debian-packages';

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
  if (!mayInstallPackages()) {
    throw new Error(`${missing.join(', ')}: not there. On Debian: ${installCommand(missing)}`);
  }
  say(`installing ${missing.join(' ')}`);
  await installPackages(missing);
}
