/**
 * Makes a call with somebody else's token, and prints what became of it. The token comes over node's IPC channel.
 */
import { CallLimits } from '../../../client/call-limits';
import { ControlConnection } from '../../../client/control-connection';
import { DmabufdError } from '../../../client/errors';
import { patience } from '../slowness';

/** What the test tells. */
export interface Theft {
  readonly controlSocket: string;
  readonly tokenHex: string;
  /** Whom to become before. */
  readonly uid?: number;
}

function become(uid: number): void {
  process.setgroups?.([]);
  process.setgid?.(uid);
  process.setuid?.(uid);
}

process.once('message', async ({ controlSocket, tokenHex, uid }: Theft) => {
  const control = new ControlConnection(controlSocket, Buffer.from(tokenHex, 'hex'));
  const limits = new CallLimits({ timeoutMs: patience() });
  try {
    // Only now: another user may not be able to read what is loaded until here.
    if (uid !== undefined) become(uid);
    await control.call(control.methods.buffers.AllocateBuffer, { sizeBytes: 4096 }, limits);
    process.send?.('OK');
  } catch (error) {
    process.send?.(error instanceof DmabufdError ? error.code : String(error));
  } finally {
    control.close();
    process.disconnect?.();
  }
});
