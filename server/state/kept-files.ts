/** What the state directory says, as facts. A file that is not believed is told of, and dropped: it must not come back later. */
import * as v from 'valibot';
import {
  type BufferFact,
  type CpuAccessFact,
  FIRST_IDS,
  type FreeIds,
  type GrantFact,
  type LeaseFact,
  type SessionFact,
} from '../domain/facts';
import type { SessionId } from '../domain/ids';
import type { Log } from '../log';
import type { PolicyFact } from '../policy/policy-keeper';
import {
  bufferFact,
  cpuAccessFact,
  freeIds,
  grantFact,
  leaseFact,
  policyFact,
  sessionFact,
  tokenFact,
} from './fact-schemas';
import { nameOf } from './kept-names';
import type { StateDirectory, StateEntry } from './state-directory';

export interface KeptFiles {
  readonly sessions: SessionFact[];
  readonly buffers: BufferFact[];
  readonly grants: GrantFact[];
  readonly leases: LeaseFact[];
  readonly cpuAccesses: CpuAccessFact[];
  /** By session. */
  readonly tokenDigests: ReadonlyMap<SessionId, string>;
  readonly freeIds: FreeIds;
  /** Null if it was the built-in one. */
  readonly policy: PolicyFact | null;
}

/** More than a block that was put aside: where the note of the ids is lost, or older than they are, none is given again. */
const AFTER_LOST_IDS = 1_000_000;

export function readKeptFiles(directory: StateDirectory, log: Log): KeptFiles {
  const files = new Files(directory, log);
  const sessions = files.take(sessionFact, ({ id }) => nameOf.session(id));
  const buffers = files.take(bufferFact, ({ id }) => nameOf.buffer(id));
  const grants = files.take(grantFact, ({ id }) => nameOf.grant(id));
  const leases = files.take(leaseFact, ({ sessionId, bufferId }) =>
    nameOf.lease(sessionId, bufferId),
  );
  const cpuAccesses = files.take(cpuAccessFact, ({ sessionId, bufferId }) =>
    nameOf.cpuAccess(sessionId, bufferId),
  );
  const tokens = files.take(tokenFact, ({ sessionId }) => nameOf.token(sessionId));
  const living = new Set(sessions.map(({ id }) => id));
  for (const { sessionId } of tokens) {
    if (!living.has(sessionId)) directory.drop(nameOf.token(sessionId));
  }
  const [ids] = files.take(freeIds, nameOf.freeIds);
  const [policy] = files.take(policyFact, nameOf.policy);
  files.dropOthers();
  return {
    ...{ sessions, buffers, grants, leases, cpuAccesses },
    tokenDigests: new Map(tokens.map(({ sessionId, digest }) => [sessionId, digest])),
    freeIds: freeIdsAfter(ids ?? FIRST_IDS, {
      session: [...sessions.map(({ id }) => id), ...leases.map(({ sessionId }) => sessionId)],
      buffer: [...buffers.map(({ id }) => id), ...leases.map(({ bufferId }) => bufferId)],
      grant: grants.map(({ id }) => id),
    }),
    policy: policy ?? null,
  };
}

/** Files by what they say. */
class Files {
  private readonly entries: Map<string, StateEntry>;

  constructor(
    private readonly directory: StateDirectory,
    private readonly log: Log,
  ) {
    this.entries = new Map(directory.read().map((entry) => [entry.name, entry]));
  }

  /** Those that say such a thing, and are called as they must be for it. */
  take<T>(schema: v.GenericSchema<unknown, T>, called: (fact: T) => string): T[] {
    const found: T[] = [];
    for (const [name, entry] of this.entries) {
      if (!('value' in entry)) continue;
      const parsed = v.safeParse(schema, entry.value, { abortEarly: true });
      if (!parsed.success || called(parsed.output) !== name) continue;
      found.push(parsed.output);
      this.entries.delete(name);
    }
    return found;
  }

  dropOthers(): void {
    for (const [name, entry] of this.entries) {
      const problem = 'problem' in entry ? entry.problem : 'it says nothing that this daemon knows';
      this.log.error({ file: name, problem }, 'a state file is not believed');
      this.directory.clear(name);
    }
  }
}

/** Those that were noted, unless something is known that has one of them: then the note cannot be right. */
function freeIdsAfter(
  noted: FreeIds,
  given: Readonly<Record<keyof FreeIds, readonly number[]>>,
): FreeIds {
  const free = (kind: keyof FreeIds) => {
    const last = given[kind].reduce((most, id) => Math.max(most, id), 0);
    return last < noted[kind] ? noted[kind] : last + AFTER_LOST_IDS;
  };
  return { session: free('session'), buffer: free('buffer'), grant: free('grant') };
}
