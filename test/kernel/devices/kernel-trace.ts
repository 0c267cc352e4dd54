/** Counts what really happens in the kernel: kprobes on an exporter's own functions, read from tracefs. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** debugfs mounts tracefs there when it is looked at. */
const TRACING = '/sys/kernel/debug/tracing';
const GROUP = 'dmabufd';
/** enum dma_data_direction, linux/dma-direction.h: as DMA_BUF_IOCTL_SYNC maps RW, WRITE and READ to it. */
const DIRECTIONS = ['read-write', 'write', 'read'] as const;

/** A call that was seen, such as `begin write`. */
export type SyncCall = `${'begin' | 'end'} ${(typeof DIRECTIONS)[number]}`;

/** All begins and ends of CPU access that the kernel asks of udmabuf, by whomever. */
export class UdmabufTrace implements Disposable {
  constructor() {
    for (const phase of ['begin', 'end']) {
      this.write(
        'kprobe_events',
        `p:${GROUP}/${phase} ${phase}_cpu_udmabuf direction=%si:u32\n`,
        'a',
      );
    }
    this.write(`events/${GROUP}/enable`, '1');
    this.clear();
  }

  clear(): void {
    this.write('trace', '');
  }

  /** In the order in which they happened. */
  calls(): SyncCall[] {
    const lines = readFileSync(join(TRACING, 'trace'), 'utf8').split('\n');
    return lines.flatMap((line) => {
      const [, phase, direction] = / (begin|end): .*direction=(\d)/.exec(line) ?? [];
      const mode = DIRECTIONS[Number(direction)];
      if (mode === undefined || (phase !== 'begin' && phase !== 'end')) return [];
      return [`${phase} ${mode}` as const];
    });
  }

  [Symbol.dispose](): void {
    this.write(`events/${GROUP}/enable`, '0');
    for (const phase of ['begin', 'end']) this.write('kprobe_events', `-:${GROUP}/${phase}\n`, 'a');
  }

  private write(file: string, text: string, flag = 'w'): void {
    writeFileSync(join(TRACING, file), text, { flag });
  }
}
