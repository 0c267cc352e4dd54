/** What is kept over a restart, in memory: the domain's Keeper. */
import {
  type BufferFact,
  type CpuAccessFact,
  FIRST_IDS,
  type FreeIds,
  type GrantFact,
  type Keeper,
  type KeptFacts,
  type LeaseFact,
  type SessionFact,
} from '../../../../server/domain/facts';
import type { BufferId, GrantId, SessionId } from '../../../../server/domain/ids';
import type { Memory } from '../../../../server/domain/ports';

/** Of the daemon: dead once it can make no note any more. */
export interface FakeProcess {
  notesLeft: number;
  readonly onDeath: () => void;
}

/** What is kept, in memory. */
export class FakeKeeper implements Keeper {
  readonly sessions = new Map<number, SessionFact>();
  readonly buffers = new Map<number, { fact: BufferFact; memory: Memory }>();
  readonly grants = new Map<number, GrantFact>();
  readonly leases = new Map<string, LeaseFact>();
  readonly cpuAccesses = new Map<string, CpuAccessFact>();
  freeIds = FIRST_IDS;

  /** For one process: it keeps nothing any more once it has died, which it may do after any note. */
  handle(process: FakeProcess): Keeper {
    return new Proxy(this, {
      get(keeper, name) {
        const member: unknown = Reflect.get(keeper, name);
        if (typeof member !== 'function') return member;
        return (...args: unknown[]) => {
          if (process.notesLeft === 0) {
            process.onDeath();
            return Promise.resolve();
          }
          process.notesLeft -= 1;
          return Reflect.apply(member, keeper, args);
        };
      },
    });
  }

  facts(): KeptFacts {
    const { sessions, buffers, grants, leases, cpuAccesses } = this;
    // As they would be read back: values, and not the objects that the first broker has.
    const read = <Fact>(facts: ReadonlyMap<unknown, Fact>): Fact[] =>
      [...facts.values()].map((fact) => structuredClone(fact));
    return {
      sessions: read(sessions),
      buffers: [...buffers.values()].map(({ fact, memory }) => ({
        fact: structuredClone(fact),
        memory,
      })),
      grants: read(grants),
      leases: read(leases),
      cpuAccesses: read(cpuAccesses),
    };
  }

  keepSession(fact: SessionFact): void {
    this.sessions.set(fact.id, fact);
  }
  forgetSession(id: SessionId): void {
    this.sessions.delete(id);
  }
  keepBuffer(fact: BufferFact, memory: Memory): void {
    this.buffers.set(fact.id, { fact, memory });
  }
  async forgetBuffer(id: BufferId): Promise<void> {
    this.buffers.delete(id);
  }
  keepGrant(fact: GrantFact): void {
    this.grants.set(fact.id, fact);
  }
  forgetGrant(id: GrantId): void {
    this.grants.delete(id);
  }
  keepLease(fact: LeaseFact): void {
    this.leases.set(`${fact.sessionId}/${fact.bufferId}`, fact);
  }
  forgetLease(session: SessionId, buffer: BufferId): void {
    this.leases.delete(`${session}/${buffer}`);
  }
  keepCpuAccess(fact: CpuAccessFact): void {
    this.cpuAccesses.set(`${fact.sessionId}/${fact.bufferId}`, fact);
  }
  forgetCpuAccess(session: SessionId, buffer: BufferId): void {
    this.cpuAccesses.delete(`${session}/${buffer}`);
  }
  keepFreeIds(ids: FreeIds): boolean {
    this.freeIds = ids;
    return true;
  }
}
