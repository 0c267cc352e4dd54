/** D-Bus, which a Linux developer would pick to have an fd passed. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findOrInstallPrograms } from '../debian';
import type { Contest, Figure } from '../figure';
import { Daemon, fetches, type Installation } from '../installation';
import { p50 } from '../outcomes';
import { measured, Server } from '../processes';

const REQUESTS = '10000';

/** A session's, as it is configured everywhere, on the socket that it is started with. */
const CONFIGURATION = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>systemd:</listen>
  <auth>EXTERNAL</auth>
  <policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy>
</busconfig>
`;

const BUSES = {
  'dbus-broker': (file: string) => ['dbus-broker-launch', '--scope=user', `--config-file=${file}`],
  'dbus-daemon': (file: string) => ['dbus-daemon', '--nofork', `--config-file=${file}`],
} as const;

async function besideBus(installation: Installation, name: keyof typeof BUSES): Promise<Contest> {
  await findOrInstallPrograms();
  for (const program of ['fd-client', 'bus-host', 'bus-server', 'bus-client'] as const) {
    await installation.program(program);
  }
  const file = join(installation.place, 'bus.conf');
  writeFileSync(file, CONFIGURATION);
  const socket = join(installation.place, `${name}-${process.hrtime.bigint()}`);
  const daemon = await Daemon.start(installation, 'one');
  const bus = await Server.start(
    'one',
    await installation.program('bus-host'),
    socket,
    ...BUSES[name](file),
  );
  const onBus = ['env', `DBUS_SESSION_BUS_ADDRESS=unix:path=${socket}`];
  const service = await Server.start('one', ...onBus, await installation.program('bus-server'));
  return {
    ours: async () => p50(await fetches(installation, 'one', daemon.fdSocket)),
    theirs: async () =>
      p50(await measured('one', ...onBus, await installation.program('bus-client'), REQUESTS)),
    async [Symbol.asyncDispose]() {
      for (const each of [service, bus, daemon]) await each[Symbol.asyncDispose]();
    },
  };
}

const figure = (name: keyof typeof BUSES, atMost: number): Figure => ({
  name: `FETCH of an fd, C client, p50, and ${name}`,
  baseline: `a method that returns an fd, over ${name}, with sd-bus in C`,
  unit: 'µs',
  goal: { atMost },
  rounds: 7,
  prepare: (installation) => besideBus(installation, name),
});

export const BUS_FIGURES: readonly Figure[] = [
  figure('dbus-broker', 0.27),
  figure('dbus-daemon', 0.24),
];
