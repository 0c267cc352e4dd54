/** The kinds of dma-buf that the kernel in the VM has, for rules that hold for each of them. */
import { readFileSync } from 'node:fs';
import addon, { type Fd } from '../../../native';
import { SYSTEM_HEAP } from './kernel-call';
import { VgemDevice } from './vgem-device';

/** One way to get a dma-buf. */
export interface Exporter {
  readonly name: string;
  /** `exp_name` in fdinfo. */
  readonly exporterName: string;
  readonly allocate: (sizeBytes: number) => Promise<Fd>;
}

export const HEAPS: readonly Exporter[] = [
  {
    name: 'the system heap',
    exporterName: 'system',
    allocate: (sizeBytes) => addon.allocateFromDmaHeap(SYSTEM_HEAP, sizeBytes),
  },
  {
    name: 'udmabuf',
    exporterName: 'udmabuf',
    allocate: (sizeBytes) => addon.createUdmabuf(sizeBytes),
  },
];

/** A buffer of a device, as a GPU driver exports it. The device keeps nothing of it. */
export const DEVICE: Exporter = {
  name: 'vgem, a GPU driver',
  exporterName: 'drm',
  allocate: async (sizeBytes) => {
    const device = await VgemDevice.open();
    try {
      return (await device.create(sizeBytes)).fd;
    } finally {
      await device[Symbol.asyncDispose]();
    }
  },
};

export const EXPORTERS: readonly Exporter[] = [...HEAPS, DEVICE];

/** The fields of /proc/self/fdinfo. */
export function fdinfo(fd: Fd): Map<string, string> {
  const lines = readFileSync(`/proc/self/fdinfo/${fd.number}`, 'utf8').split('\n');
  return new Map(
    lines.flatMap((line) => {
      const [, key, value] = /^([^:]+):\s*(.*)$/.exec(line) ?? [];
      return key === undefined || value === undefined ? [] : [[key, value] as const];
    }),
  );
}

/** O_CLOEXEC as the kernel shows it. */
export function isCloexec(fd: Fd): boolean {
  return (Number.parseInt(fdinfo(fd).get('flags') ?? '0', 8) & 0o2000000) !== 0;
}
