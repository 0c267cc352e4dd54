/** What the state directory says, as facts. A file that is not believed is told of, and dropped: it must not come back later. */
import * as v from 'valibot';
import type {
  BufferFact,
  CpuAccessFact,
  FreeIds,
  GrantFact,
  LeaseFact,
  SessionFact,
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

/** More than a block that was put aside: where the note of the ids is lost, none is given again all the same. */
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
  const [ids] = files.take(freeIds, nameOf.freeIds);
  const [policy] = files.take(policyFact, nameOf.policy);
  files.dropOthers();
  return {
    ...{ sessions, buffers, grants, leases, cpuAccesses },
    tokenDigests: new Map(tokens.map(({ sessionId, digest }) => [sessionId, digest])),
    freeIds: ids ?? idsAfter({ sessions, buffers, grants }),
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

/** Above all that are known to have been given. */
function idsAfter({
  sessions,
  buffers,
  grants,
}: Pick<KeptFiles, 'sessions' | 'buffers' | 'grants'>) {
  const after = (facts: readonly { readonly id: number }[]) =>
    facts.length === 0 ? 0 : Math.max(...facts.map(({ id }) => id)) + AFTER_LOST_IDS;
  const most = Math.max(after(sessions), after(buffers), after(grants), 1);
  return { session: most, buffer: most, grant: most };
}
