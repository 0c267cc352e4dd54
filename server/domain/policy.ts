/**
 * Who may do what. A policy is a list of rules; the first whose criteria all hold of a peer, as the kernel attests it,
 * decides alone, and the last holds of everybody. A rule gives rights, or keeps the peer out. Replacing the policy
 * touches nothing that is held already: it decides from the next request on.
 */
import type { Access } from './access';
import { DomainError } from './errors';
import { matchesAny, type Pattern } from './pattern';
import { describePeer, type Peer } from './peer';
import type { AccountLimits } from './quota';

/** From the first to the last, both included. */
export interface IdRange {
  readonly first: number;
  readonly last: number;
}

/** One thing that must hold of a peer. `wanted` is what the administrator wrote, for explanations. */
export type Criterion =
  | { readonly key: 'uid' | 'gid'; readonly ids: readonly IdRange[]; readonly wanted: string }
  | {
      readonly key: 'cgroup' | 'unit' | 'container';
      readonly patterns: readonly Pattern[];
      readonly wanted: string;
    }
  | { readonly key: 'administrator'; readonly daemonUid: number };

/** What a rule gives. */
export interface Rights {
  /** Names of heaps that it may allocate from. */
  readonly heaps: readonly Pattern[];
  /** Bytes of one buffer; null for what the daemon gives anybody. */
  readonly maxBufferBytes: number | null;
  /** What its account may hold. */
  readonly limits: AccountLimits;
  /** It may bring buffers from elsewhere. */
  readonly mayAdopt: boolean;
  /** Names under which it may publish. */
  readonly publish: readonly Pattern[];
  /** Names that it may open. A secret needs none of them. */
  readonly open: readonly Pattern[];
  /** The most that it may do with what others share, by a name or by a secret, whatever the grant gives. */
  readonly access: Access;
  /** It may look at what others hold. */
  readonly mayInspect: boolean;
}

/** On what the limits of a rule count: on each user, on each container, or on all who fall under the rule together. */
export type Scope = 'uid' | 'container' | 'rule';

export interface Rule {
  readonly name: string;
  /** Where it stands, for a person: `/etc/dmabufd/policy.yaml:12`, `built in`. */
  readonly source: string;
  /** All must hold; none holds of everybody. */
  readonly criteria: readonly Criterion[];
  /** Null keeps the peer out. */
  readonly rights: Rights | null;
  readonly per: Scope;
}

/** What a policy says of a peer. */
export interface Decision {
  readonly rule: Rule;
  /** Whose resources it uses, for people too: `uid 1000`, `container 3fb1…`, `rule players`. */
  readonly account: string;
}

/** Why a rule decided, or did not. */
export interface ExplanationStep {
  readonly rule: Rule;
  /** What does not hold: `unit is "", not camera.service`; null for the rule that decides. */
  readonly failed: string | null;
}

/** Root and the daemon's own user, but not from within a container, whose root may be uid 0 to the kernel too. */
export function isAdministrator(peer: Peer, daemonUid: number): boolean {
  return !peer.isContained && (peer.uid === 0 || peer.uid === daemonUid);
}

export class Policy {
  private readonly decided = new WeakMap<Peer, Decision>();

  /** `rules` ends with one that has no criteria. */
  constructor(
    /** Where it is from: a path, or `built in`. */
    readonly source: string,
    readonly rules: readonly Rule[],
  ) {
    if (rules[rules.length - 1]?.criteria.length !== 0) {
      throw new Error('the last rule of a policy must hold of everybody');
    }
  }

  decide(peer: Peer): Decision {
    const known = this.decided.get(peer);
    if (known !== undefined) return known;
    const rule = this.rules.find(({ criteria }) =>
      criteria.every((one) => failure(one, peer) === null),
    );
    if (rule === undefined) throw new Error('no rule of the policy holds');
    const decision = { rule, account: accountOf(rule, peer) };
    this.decided.set(peer, decision);
    return decision;
  }

  /** The rules from the first to the one that decides. */
  explain(peer: Peer): ExplanationStep[] {
    const { rule: deciding } = this.decide(peer);
    const before = this.rules.slice(0, this.rules.indexOf(deciding));
    const steps = before.map((rule) => ({
      rule,
      failed: rule.criteria.map((one) => failure(one, peer)).find((why) => why !== null) ?? '',
    }));
    return [...steps, { rule: deciding, failed: null }];
  }
}

/** The policy that is in force. */
export class PolicyInForce {
  constructor(private policy: Policy) {}

  get current(): Policy {
    return this.policy;
  }

  replace(policy: Policy): void {
    this.policy = policy;
  }

  decide(peer: Peer): Decision {
    return this.policy.decide(peer);
  }

  /** The rights of a peer. PERMISSION_DENIED, with the rule, for one that is kept out. */
  rightsOf(peer: Peer): Rights {
    const { rule } = this.decide(peer);
    if (rule.rights !== null) return rule.rights;
    throw new DomainError(
      'permission-denied',
      `${describePeer(peer)} is kept out by rule ${describeRule(rule)} of the policy`,
    );
  }
}

/** `camera (/etc/dmabufd/policy.yaml:12)`. */
export function describeRule({ name, source }: Rule): string {
  return `${name} (${source})`;
}

/** Whether it keeps out those whose cgroup, or what that attests, it names. */
export function deniesByCgroup({ rights, criteria }: Rule): boolean {
  return (
    rights === null && criteria.some(({ key }) => ['cgroup', 'unit', 'container'].includes(key))
  );
}

/**
 * A container's limits hold for a peer in none by its user. Who may be in one that is not attested is not the user itself,
 * and shares no account with it; nor does anybody with an administrator.
 */
function accountOf({ name, per, criteria }: Rule, peer: Peer): string {
  const { uid, container, isContained } = peer;
  if (criteria.some(({ key }) => key === 'administrator')) return `administrator uid ${uid}`;
  if (per === 'rule') return `rule ${name}`;
  if (per === 'container' && container !== '') return `container ${container}`;
  return isContained ? `contained uid ${uid}` : `uid ${uid}`;
}

/** What does not hold, for a person; null if it holds. */
function failure(criterion: Criterion, peer: Peer): string | null {
  switch (criterion.key) {
    case 'uid':
      return isWithin(peer.uid, criterion.ids)
        ? null
        : `uid is ${peer.uid}, not ${criterion.wanted}`;
    case 'gid': {
      const groups = [peer.gid, ...peer.groups];
      if (groups.some((gid) => isWithin(gid, criterion.ids))) return null;
      return `its groups are ${groups.join(', ')}, not ${criterion.wanted}`;
    }
    case 'administrator':
      if (isAdministrator(peer, criterion.daemonUid)) return null;
      return peer.isContained
        ? 'it is in a container, or not visible'
        : `uid is ${peer.uid}, not ${criterion.daemonUid === 0 ? '0' : `0 or ${criterion.daemonUid}`}`;
    default: {
      const is = peer[criterion.key];
      // Nothing attested matches nothing, not even a pattern that takes everything.
      if (is !== '' && matchesAny(criterion.patterns, is)) return null;
      const told = is === '' ? 'not known' : JSON.stringify(is);
      return `${criterion.key} is ${told}, not ${criterion.wanted}`;
    }
  }
}

function isWithin(id: number, ranges: readonly IdRange[]): boolean {
  return ranges.some(({ first, last }) => first <= id && id <= last);
}
