/** vgem-device.c as a process: a device driver that makes buffers and puts fences on them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import addon, { type Fd, type SeqpacketSocket } from '../../../native';
import { PROGRAMS_DIRECTORY } from '../in-vm-settings';

const DEADLINE_MS = 60_000;

/** A device that this test drives. Its buffers live on in whoever has their fds. */
export class VgemDevice implements AsyncDisposable {
  private constructor(
    private readonly process: ChildProcess,
    private readonly socket: SeqpacketSocket,
    private readonly answers: { text: string; fds: Fd[] }[],
  ) {}

  static async open(): Promise<VgemDevice> {
    const directory = mkdtempSync(join(tmpdir(), 'vgem-'));
    try {
      const path = join(directory, 'socket');
      const device = spawn(join(PROGRAMS_DIRECTORY, 'vgem-device'), [path], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      // It says so when it listens.
      await once(device.stdout, 'data', { signal: AbortSignal.timeout(DEADLINE_MS) });
      const answers: { text: string; fds: Fd[] }[] = [];
      const socket = addon.connectSeqpacket(path, {
        onDatagram: (bytes, fds) => answers.push({ text: new TextDecoder().decode(bytes), fds }),
        onWritable: () => undefined,
        onClosed: () => undefined,
      });
      return new VgemDevice(device, socket, answers);
    } finally {
      rmSync(directory, { recursive: true });
    }
  }

  /** A new buffer as a dma-buf, and the device's handle of it. */
  async create(sizeBytes: number): Promise<{ handle: number; fd: Fd }> {
    const { words, fds } = await this.call(`create ${sizeBytes}`);
    const [fd] = fds;
    if (fd === undefined) throw new Error('the device gave no fd');
    return { handle: Number(words[0]), fd };
  }

  /** Takes a dma-buf of somebody else's in; answers the device's handle of it. */
  async importBuffer(fd: Fd): Promise<number> {
    return Number((await this.call('import', [fd])).words[0]);
  }

  /** Puts a fence on a buffer, as work of the device that reads or writes it would; answers the fence's handle. */
  async attach(handle: number, direction: 'read' | 'write'): Promise<number> {
    return Number((await this.call(`attach ${handle} ${direction}`)).words[0]);
  }

  /** The device's work is done. */
  async signal(fence: number): Promise<void> {
    await this.call(`signal ${fence}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = once(this.process, 'close');
    this.socket.close();
    await ended;
  }

  private async call(
    command: string,
    fds: readonly Fd[] = [],
  ): Promise<{ words: string[]; fds: Fd[] }> {
    this.socket.send(new TextEncoder().encode(command), fds);
    const deadline = Date.now() + DEADLINE_MS;
    while (this.answers.length === 0) {
      if (Date.now() > deadline) throw new Error(`vgem-device: no answer to ${command}`);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    const answer = this.answers.shift();
    const [outcome, ...words] = (answer?.text ?? '').replace(/\0$/, '').trim().split(' ');
    if (outcome !== 'ok') throw new Error(`vgem-device: ${command}: ${answer?.text}`);
    return { words, fds: answer?.fds ?? [] };
  }
}
