/** What is measured with, and what the baselines over D-Bus are made of. */
import { spawnSync } from 'node:child_process';
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

/** By their packages, which every Debian with a compiler has. */
const TOOLS = {
  taskset: 'util-linux',
  prlimit: 'util-linux',
  strip: 'binutils',
  'dpkg-deb': 'dpkg',
};

/** An error names what is missing. */
export function requireTools(): void {
  const missing = Object.entries(TOOLS).filter(
    ([name]) => spawnSync('sh', ['-c', 'command -v "$0"', name]).status !== 0,
  );
  if (missing.length === 0) return;
  const names = missing.map(([name, of]) => `${name} (of ${of})`);
  throw new Error(`${names.join(', ')}: not there, and measured with`);
}
