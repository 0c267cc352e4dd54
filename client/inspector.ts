/**
 * Looks at a daemon without having a session with it: what an operator's tool needs. Holds nothing in the daemon, so
 * that looking does not change what is seen.
 */
import { join, resolve } from 'node:path';
import { CONTROL_SOCKET_NAME } from '../proto';
import { CallLimits, type CallOptions } from './call-limits';
import { ControlConnection } from './control-connection';
import type {
  BufferDescription,
  BufferDetails,
  DaemonStatus,
  HeapDescription,
} from './descriptions';
import type { EventStream } from './event-stream';
import { getBuffer, getStatus, listBuffers, listHeaps, watchEvents } from './inspection';
import {
  explainPolicy,
  getPolicy,
  type PolicyDescription,
  type PolicyExplanation,
  type PolicyReload,
  type PolicySubject,
  reloadPolicy,
} from './policy';
import { findRuntimeDirectory } from './runtime-directory';

/**
 * Everything but {@link heaps}, {@link status} and {@link explainPolicy} of oneself is for administrators: root, and the
 * daemon's own user.
 */
export class Inspector implements Disposable {
  readonly runtimeDirectory: string;
  readonly #control: ControlConnection;

  /** Connects with the first call. */
  constructor(runtimeDirectory: string = findRuntimeDirectory()) {
    this.runtimeDirectory = resolve(runtimeDirectory);
    this.#control = new ControlConnection(join(this.runtimeDirectory, CONTROL_SOCKET_NAME), null);
  }

  heaps(options?: CallOptions): Promise<HeapDescription[]> {
    return listHeaps(this.#control, new CallLimits(options));
  }

  status(options?: CallOptions): Promise<DaemonStatus> {
    return getStatus(this.#control, new CallLimits(options));
  }

  /** All buffers of the daemon, by ascending id. */
  list(options?: CallOptions): Promise<BufferDescription[]> {
    return listBuffers(this.#control, { allSessions: true }, new CallLimits(options));
  }

  describe(bufferId: number, options?: CallOptions): Promise<BufferDetails> {
    return getBuffer(this.#control, bufferId, new CallLimits(options));
  }

  /** All events of the daemon from now on. The signal ends the stream. */
  watch(options?: CallOptions): Promise<EventStream> {
    return watchEvents(this.#control, { allSessions: true }, new CallLimits(options));
  }

  /** The policy in force. */
  policy(options?: CallOptions): Promise<PolicyDescription> {
    return getPolicy(this.#control, new CallLimits(options));
  }

  /**
   * Has the daemon read its policy file again. `FAILED_PRECONDITION` if it cannot be taken, with a line for each thing
   * that is wrong; the policy before stays in force then.
   */
  reloadPolicy(options?: CallOptions): Promise<PolicyReload> {
    return reloadPolicy(this.#control, new CallLimits(options));
  }

  /** What the policy says of a process, and why; of this process for null. */
  explainPolicy(
    subject: PolicySubject | null = null,
    options?: CallOptions,
  ): Promise<PolicyExplanation> {
    return explainPolicy(this.#control, subject, new CallLimits(options));
  }

  close(): void {
    this.#control.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
