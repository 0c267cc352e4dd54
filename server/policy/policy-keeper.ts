/**
 * Keeps the policy that is in force, and exchanges it for what its file says now: as a whole or not at all, and one
 * reload at a time. The log tells of each.
 */
import { type Policy, PolicyInForce } from '../domain/policy';
import type { Log } from '../log';
import { loadPolicy, type PolicyLocation } from './load-policy';
import { PolicyFileError } from './problems';

export class PolicyKeeper {
  readonly inForce: PolicyInForce;
  private running: Promise<unknown> = Promise.resolve();
  private next: Promise<Policy> | null = null;

  private constructor(
    private readonly location: PolicyLocation | null,
    private readonly daemonUid: number,
    private readonly log: Log,
    policy: Policy,
  ) {
    this.inForce = new PolicyInForce(policy);
  }

  /** A PolicyFileError tells why there is no policy to begin with. */
  static async open(
    location: PolicyLocation | null,
    daemonUid: number,
    log: Log,
  ): Promise<PolicyKeeper> {
    const policy = await loadPolicy(location, daemonUid);
    log.info({ source: policy.source, rules: policy.rules.length }, 'policy in force');
    return new PolicyKeeper(location, daemonUid, log, policy);
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
      const policy = await loadPolicy(this.locationNow(), this.daemonUid);
      this.inForce.replace(policy);
      this.log.info({ source: policy.source, rules: policy.rules.length }, 'policy reloaded');
      return policy;
    } catch (error) {
      const why = error instanceof PolicyFileError ? { problems: error.lines } : { err: error };
      this.log.error(why, 'the policy is refused, and the one before stays in force');
      throw error;
    }
  }

  /** A file that was in force and is gone is a mistake, and no wish for the built-in policy, which gives more. */
  private locationNow(): PolicyLocation | null {
    if (this.location === null) return null;
    const { path, isRequired } = this.location;
    return { path, isRequired: isRequired || this.inForce.current.source === path };
  }
}
