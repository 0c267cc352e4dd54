/**
 * The domain's Keeper, and what the adapters have to keep beside: facts go into the state directory, fds into the service
 * manager's fd store.
 */
import type { Fd } from '../../native';
import {
  type BufferFact,
  type CpuAccessFact,
  type FreeIds,
  forgetful,
  type GrantFact,
  type Keeper,
  type LeaseFact,
  type SessionFact,
} from '../domain/facts';
import type { BufferId, GrantId, SessionId } from '../domain/ids';
import type { Memory } from '../domain/ports';
import { KernelMemory } from '../heaps/kernel-memory';
import type { Log } from '../log';
import type { PolicyFact } from '../policy/policy-keeper';
import type { FdStore } from '../systemd/fd-store';
import { nameOf } from './kept-names';
import type { StateDirectory } from './state-directory';

export interface StateKeeper extends Keeper {
  /** Whether a later process takes the sessions over. */
  readonly keepsSessions: boolean;
  /** The connection that a session is. The Fd stays the caller's. */
  keepConnection(id: SessionId, socket: Fd): void;
  /** The digest of a session's token. */
  keepToken(id: SessionId, digest: string): void;
  forgetToken(id: SessionId): void;
  keepPolicy(fact: PolicyFact): void;
  forgetPolicy(): void;
  /** Resolves when all that was said until now is kept; null if it is so already. */
  whenKept(): Promise<void> | null;
}

export const keepsNothing: StateKeeper = {
  ...forgetful,
  keepsSessions: false,
  keepConnection: () => {},
  keepToken: () => {},
  forgetToken: () => {},
  keepPolicy: () => {},
  forgetPolicy: () => {},
  whenKept: () => null,
};

export class FileStateKeeper implements StateKeeper {
  readonly keepsSessions = true;
  private isFailing = false;

  constructor(
    private readonly files: Pick<StateDirectory, 'put' | 'drop'>,
    private readonly store: Pick<FdStore, 'put' | 'remove' | 'pending'>,
    private readonly log: Log,
  ) {}

  keepSession(fact: SessionFact): void {
    this.put(nameOf.session(fact.id), fact);
  }

  keepConnection(id: SessionId, socket: Fd): void {
    this.store.put(nameOf.session(id), socket);
  }

  forgetSession(id: SessionId): void {
    this.drop(nameOf.session(id));
    void this.store.remove(nameOf.session(id));
  }

  keepToken(id: SessionId, digest: string): void {
    this.put(nameOf.token(id), { sessionId: id, digest });
  }

  forgetToken(id: SessionId): void {
    this.drop(nameOf.token(id));
  }

  keepPolicy(fact: PolicyFact): void {
    this.put(nameOf.policy(), fact);
  }

  forgetPolicy(): void {
    this.drop(nameOf.policy());
  }

  keepBuffer(fact: BufferFact, memory: Memory): void {
    if (!(memory instanceof KernelMemory)) throw new Error(`buffer ${fact.id} has no fd to keep`);
    const name = nameOf.buffer(fact.id);
    this.put(name, fact);
    memory.lend((fd) => this.store.put(name, fd));
  }

  forgetBuffer(id: BufferId): Promise<void> {
    this.drop(nameOf.buffer(id));
    return this.store.remove(nameOf.buffer(id));
  }

  keepGrant(fact: GrantFact): void {
    this.put(nameOf.grant(fact.id), fact);
  }

  forgetGrant(id: GrantId): void {
    this.drop(nameOf.grant(id));
  }

  keepLease(fact: LeaseFact): void {
    this.put(nameOf.lease(fact.sessionId, fact.bufferId), fact);
  }

  forgetLease(sessionId: SessionId, bufferId: BufferId): void {
    this.drop(nameOf.lease(sessionId, bufferId));
  }

  keepCpuAccess(fact: CpuAccessFact): void {
    this.put(nameOf.cpuAccess(fact.sessionId, fact.bufferId), fact);
  }

  forgetCpuAccess(sessionId: SessionId, bufferId: BufferId): void {
    this.drop(nameOf.cpuAccess(sessionId, bufferId));
  }

  keepFreeIds(ids: FreeIds): boolean {
    return this.attempt(nameOf.freeIds(), () => this.files.put(nameOf.freeIds(), ids));
  }

  whenKept(): Promise<void> | null {
    return this.store.pending;
  }

  /** What was kept before is not true any more, and must not come back in the place of what cannot be kept. */
  private put(name: string, value: object): void {
    if (!this.attempt(name, () => this.files.put(name, value))) this.drop(name);
  }

  private drop(name: string): void {
    this.attempt(name, () => this.files.drop(name));
  }

  /** A full file system is no reason to refuse a client; it costs the next restart. Told once, and not for each file. */
  private attempt(name: string, write: () => void): boolean {
    try {
      write();
      this.isFailing = false;
      return true;
    } catch (err) {
      if (!this.isFailing) this.log.error({ err, name }, 'a restart would lose this');
      this.isFailing = true;
      return false;
    }
  }
}
