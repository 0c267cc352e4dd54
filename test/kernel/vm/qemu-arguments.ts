/** The virtual machine as QEMU is told to build it. */

export interface Machine {
  readonly kernelImage: string;
  readonly initramfs: string;
  readonly memoryMb: number;
  readonly cpus: number;
  readonly acceleration: Acceleration;
  /** Host directories, by the name that init mounts them under. */
  readonly rootDir: string;
  readonly modulesDir: string;
  /** Null where it is below the root. */
  readonly projectDir: string | null;
  readonly jobDir: string;
  readonly resultsDir: string;
  readonly consoleFile: string;
  /** Inherited descriptors, connected sockets, that carry the command's output. */
  readonly stdoutFd: number;
  readonly stderrFd: number;
}

/** `tcg` works everywhere; `kvm` is many times faster where the machine lets its user have it. */
export type Acceleration = 'tcg' | 'kvm';

/**
 * The least that has what the guest uses: x86-64-v2, for container images that ask for it, and a
 * random number instruction, without which the first getrandom() takes a second. The wider `max` has the
 * kernel save vector registers that are slow to emulate.
 */
const emulatedCpu = 'Nehalem,+rdrand';

const kernelCommandLine = [
  'console=ttyS0',
  // Warnings and worse: every line costs time on an emulated serial port.
  'loglevel=5',
  // A panic restarts at once, which -no-reboot turns into the end of QEMU.
  'panic=-1',
  // The guest runs nothing that it must be protected from, and emulated mitigations are slow.
  'mitigations=off',
  // init brings the others up; it says why.
  'maxcpus=1',
].join(' ');

export function qemuArguments(machine: Machine): string[] {
  return [
    '-nodefaults',
    '-no-user-config',
    '-no-reboot',
    ['-display', 'none'],
    ['-machine', 'q35'],
    machine.acceleration === 'kvm'
      ? ['-accel', 'kvm', '-cpu', 'host']
      : ['-accel', 'tcg,thread=multi', '-cpu', emulatedCpu],
    ['-smp', String(machine.cpus)],
    ['-m', `${machine.memoryMb}M`],
    ['-kernel', machine.kernelImage],
    ['-initrd', machine.initramfs],
    ['-append', kernelCommandLine],
    ['-serial', `file:${machine.consoleFile}`],
    sharedDirectory('host', machine.rootDir, 'readonly=on'),
    sharedDirectory('modules', machine.modulesDir, 'readonly=on'),
    machine.projectDir === null
      ? []
      : sharedDirectory('project', machine.projectDir, 'readonly=on'),
    sharedDirectory('job', machine.jobDir),
    sharedDirectory('results', machine.resultsDir),
    ['-device', 'virtio-serial-pci'],
    outputPort('stdout', machine.stdoutFd),
    outputPort('stderr', machine.stderrFd),
  ].flat();
}

function sharedDirectory(name: string, path: string, ...more: string[]): string[] {
  const options = [
    'local',
    `mount_tag=${name}`,
    `path=${optionValue(path)}`,
    'security_model=none',
    'multidevs=remap',
    ...more,
  ];
  return ['-virtfs', options.join(',')];
}

function outputPort(name: string, fd: number): string[] {
  return [
    '-chardev',
    `socket,id=${name},fd=${fd}`,
    '-device',
    `virtserialport,chardev=${name},name=org.dmabufd.${name}`,
  ];
}

function optionValue(text: string): string {
  return text.replaceAll(',', ',,');
}
