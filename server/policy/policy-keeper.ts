/**
 * Keeps the policy that is in force, and exchanges it for what its file says now: as a whole or not at all, and one
 * reload at a time. The log tells of each.
 */
import { deniesByCgroup, describeRule, type Policy, PolicyInForce } from '../domain/policy';
import type { Log } from '../log';
import { type LoadedPolicy, loadPolicy, type PolicyLocation, readPolicy } from './load-policy';
import { PolicyFileError } from './problems';

/** The file's contents that were in force last. */
export interface PolicyFact {
  readonly path: string;
  readonly text: string;
}

/** Remembers over a restart what was in force. */
export interface PolicyMemory {
  /** Null if nothing is remembered, or the built-in policy. */
  readonly last: PolicyFact | null;
  keepPolicy(fact: PolicyFact): void;
  forgetPolicy(): void;
}

/** What there is to know of the daemon itself. */
export interface PolicySurroundings {
  readonly daemonUid: number;
  /** Whether the cgroups of all peers are seen. Rules that name what is not seen hold of nobody. */
  readonly seesCgroups: boolean;
}

export class PolicyKeeper {
  readonly inForce: PolicyInForce;
  private running: Promise<unknown> = Promise.resolve();
  private next: Promise<Policy> | null = null;

  private constructor(
    private readonly location: PolicyLocation | null,
    private readonly about: PolicySurroundings,
    private readonly log: Log,
    private readonly memory: PolicyMemory,
    loaded: LoadedPolicy,
  ) {
    this.inForce = new PolicyInForce(loaded.policy);
    this.remember(loaded);
    this.tell(loaded.policy, 'policy in force');
  }

  /** A PolicyFileError tells why there is no policy to begin with: none was in force before a restart either. */
  static async open(
    location: PolicyLocation | null,
    about: PolicySurroundings,
    log: Log,
    memory: PolicyMemory,
  ): Promise<PolicyKeeper> {
    const loaded = await loadFirst(location, about.daemonUid, log, memory.last);
    return new PolicyKeeper(location, about, log, memory, loaded);
  }

  /** Resolves to what is in force then. A PolicyFileError tells why what was in force before still is. */
  reload(): Promise<Policy> {
    // The one that runs may have read the file before it was changed: whoever asks now has the one after it.
    this.next ??= this.running.then(() => {
      const reloading = this.replace();
      this.next = null;
      this.running = reloading.catch(() => undefined);
      return reloading;
    });
    return this.next;
  }

  private async replace(): Promise<Policy> {
    try {
      const loaded = await loadPolicy(this.locationNow(), this.about.daemonUid);
      const { policy } = loaded;
      this.inForce.replace(policy);
      this.remember(loaded);
      this.tell(policy, 'policy reloaded');
      return policy;
    } catch (error) {
      const why = error instanceof PolicyFileError ? { problems: error.lines } : { err: error };
      this.log.error(why, 'the policy is refused, and the one before stays in force');
      throw error;
    }
  }

  private tell(policy: Policy, what: string): void {
    this.log.info({ source: policy.source, rules: policy.rules.length }, what);
    if (this.about.seesCgroups) return;
    // They let in whom they are to keep out.
    for (const rule of policy.rules.filter(deniesByCgroup)) {
      this.log.error(
        { rule: describeRule(rule) },
        'this rule keeps out nobody whom the daemon cannot see',
      );
    }
  }

  private remember({ policy, text }: LoadedPolicy): void {
    if (text === null) this.memory.forgetPolicy();
    else this.memory.keepPolicy({ path: policy.source, text });
  }

  /** A file that was in force and is gone is a mistake, and no wish for the built-in policy, which gives more. */
  private locationNow(): PolicyLocation | null {
    if (this.location === null) return null;
    const { path, isRequired } = this.location;
    return { path, isRequired: isRequired || this.inForce.current.source === path };
  }
}

/**
 * After a restart a file that cannot be taken is what it is for a reload: a mistake, and what was in force before still is. So is one
 * that the daemon is told to take from now on.
 */
async function loadFirst(
  location: PolicyLocation | null,
  daemonUid: number,
  log: Log,
  last: PolicyFact | null,
): Promise<LoadedPolicy> {
  if (location === null || last === null) return loadPolicy(location, daemonUid);
  const { path, text } = last;
  const isRequired = location.isRequired || location.path === path;
  try {
    return await loadPolicy({ path: location.path, isRequired }, daemonUid);
  } catch (error) {
    if (!(error instanceof PolicyFileError)) throw error;
    const { lines: problems } = error;
    log.error({ problems }, 'the policy is refused, and the one before the restart stays in force');
    return { policy: await readPolicy(text, path, daemonUid), text };
  }
}
