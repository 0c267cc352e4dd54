/**
 * Waits until nothing stands in the way of reading, or of writing, a dma-buf: one watcher of the event loop, however many
 * wait, and no thread (dma-buf.rst, implicit fence poll support).
 */
import type { Fd, FdWatch, NativeAddon } from '../../native';
import { abortReason } from '../domain/errors';
import { asAnswer } from '../system-error';

export class FenceWait {
  private readonly waiting = new Set<() => void>();
  private watch: FdWatch | null = null;

  constructor(
    private readonly addon: Pick<NativeAddon, 'watchFd'>,
    private readonly fd: Fd,
    private readonly direction: 'readable' | 'writable',
  ) {}

  /** How many fds of the memory it has open, beside the one that it was given. */
  get fdCount(): number {
    return this.watch === null ? 0 : 1;
  }

  /** Rejects with the signal's reason if it is aborted first. */
  ready(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(abortReason(signal));
        return;
      }
      const onReady = () => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      };
      const onAbort = () => {
        this.leave(onReady);
        reject(abortReason(signal));
      };
      try {
        this.watch ??= this.addon.watchFd(this.fd, this.direction, () => this.wakeAll());
      } catch (error) {
        reject(asAnswer(error, 'waiting for fences'));
        return;
      }
      signal.addEventListener('abort', onAbort, { once: true });
      this.waiting.add(onReady);
    });
  }

  private wakeAll(): void {
    this.watch = null;
    const all = [...this.waiting];
    this.waiting.clear();
    for (const onReady of all) onReady();
  }

  private leave(onReady: () => void): void {
    this.waiting.delete(onReady);
    if (this.waiting.size > 0) return;
    this.watch?.close();
    this.watch = null;
  }
}
