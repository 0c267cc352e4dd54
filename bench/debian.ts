/** What the baselines over D-Bus are made of. */
import { existsSync } from 'node:fs';
import { installCommand, installPackages, mayInstallPackages } from '../test/host/debian-packages';

const NEEDED = {
  'dbus-daemon': '/usr/bin/dbus-daemon',
  'dbus-broker': '/usr/bin/dbus-broker-launch',
  'libsystemd-dev': '/usr/include/systemd/sd-bus.h',
} as const;

/** Installs what is missing where this process may; an error says what to type where it may not. */
export async function findOrInstallPrograms(): Promise<void> {
  const missing = Object.entries(NEEDED).flatMap(([name, file]) =>
    existsSync(file) ? [] : [name],
  );
  if (missing.length === 0) return;
  if (!mayInstallPackages()) {
    throw new Error(`${missing.join(', ')}: not there. On Debian: ${installCommand(missing)}`);
  }
  process.stderr.write(`installing ${missing.join(' ')}\n`);
  await installPackages(missing);
}
