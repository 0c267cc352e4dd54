/**
 * The policy of the daemon, for those who administer it: what it says, why, and reading its file again. In the words of the SDK,
 * from the messages of policy.proto.
 */
import type { ExplainPolicyRequest } from '../proto/generated/dmabufd/v1/ExplainPolicyRequest';
import type { ExplainPolicyResponse__Output } from '../proto/generated/dmabufd/v1/ExplainPolicyResponse';
import type { PolicyLimit__Output } from '../proto/generated/dmabufd/v1/PolicyLimit';
import type { PolicyLimitKind__Output } from '../proto/generated/dmabufd/v1/PolicyLimitKind';
import type { PolicyResource__Output } from '../proto/generated/dmabufd/v1/PolicyResource';
import type { PolicyRights__Output } from '../proto/generated/dmabufd/v1/PolicyRights';
import type { PolicyRule__Output } from '../proto/generated/dmabufd/v1/PolicyRule';
import type { PolicyScope__Output } from '../proto/generated/dmabufd/v1/PolicyScope';
import type { CallLimits } from './call-limits';
import type { ControlConnection } from './control-connection';
import {
  describeAccess,
  describePeer,
  type LeaseAccess,
  type PeerDescription,
  toInteger,
} from './descriptions';

/** What is shared out. */
export type PolicyResource =
  | 'bytes'
  | 'buffers'
  | 'sessions'
  | 'connections'
  | 'leases'
  | 'grants'
  | 'calls'
  | 'unknown';
/** What sort of limit: a share of what there is, a number, or as much as there is. */
export type PolicyLimitKind = 'fair-share' | 'amount' | 'unlimited' | 'unknown';

/** How much of a resource may be held. */
export interface PolicyLimit {
  readonly resource: PolicyResource;
  readonly kind: PolicyLimitKind;
  /** Null but for the kind `'amount'`. */
  readonly amount: number | null;
}

/** What a rule gives. Names are patterns: `*` stands for any characters but `/`, `**` for any. */
export interface PolicyRights {
  readonly heaps: readonly string[];
  /** Bytes of one buffer; null for what the daemon gives anybody. */
  readonly maxBufferBytes: number | null;
  readonly limits: readonly PolicyLimit[];
  readonly mayAdopt: boolean;
  /** Names that buffers may be published under. */
  readonly publish: readonly string[];
  /** Published names that may be opened. */
  readonly open: readonly string[];
  /** The most that may be done with what others share. */
  readonly access: LeaseAccess;
  /** What others hold may be looked at. */
  readonly mayInspect: boolean;
}

/** One rule of a policy. */
export interface PolicyRule {
  readonly name: string;
  /** Where it stands: `/etc/dmabufd/policy.yaml:12`, or `built in`. */
  readonly source: string;
  /** What must hold of a process, all of it; none holds of everybody. */
  readonly criteria: readonly string[];
  /** Null if it keeps out. */
  readonly rights: PolicyRights | null;
  /** On what its limits count: each user, each container, or all who fall under it. */
  readonly per: 'uid' | 'container' | 'rule' | 'unknown';
}

/** The policy in force: the first rule whose criteria all hold decides alone. */
export interface PolicyDescription {
  /** The path of a file, or `built in`. */
  readonly source: string;
  readonly rules: readonly PolicyRule[];
}

/** A policy that was read again. */
export interface PolicyReload {
  readonly source: string;
  readonly ruleCount: number;
}

/** Whom to explain the policy for: a process, or one that would be like this. */
export type PolicySubject =
  | { readonly pid: number }
  | {
      readonly uid: number;
      /** Default: the same number as `uid`. */
      readonly gid?: number | undefined;
      readonly groups?: readonly number[] | undefined;
      readonly cgroup?: string | undefined;
    };

/** A rule that was tried. */
export interface PolicyStep {
  readonly rule: string;
  readonly source: string;
  /** What of it does not hold; null if it decides. */
  readonly failedReason: string | null;
}

/** What an account holds of a resource. */
export interface PolicyUsage {
  readonly resource: PolicyResource;
  readonly held: number;
  /** The most that it may hold now. A fair share changes with what others hold. */
  readonly limit: number;
  readonly kind: PolicyLimitKind;
}

/** What the policy says of a process, and why. */
export interface PolicyExplanation {
  readonly peer: PeerDescription | null;
  /** The rules that were tried; the last of them decides. */
  readonly steps: readonly PolicyStep[];
  /** Null if it is kept out. */
  readonly rights: PolicyRights | null;
  /** Whose resources it uses: `uid 1000`, `container 3fb1`, `rule players`. */
  readonly account: string;
  readonly usages: readonly PolicyUsage[];
}

const RESOURCES: Record<PolicyResource__Output, PolicyResource> = {
  POLICY_RESOURCE_UNSPECIFIED: 'unknown',
  POLICY_RESOURCE_BYTES: 'bytes',
  POLICY_RESOURCE_BUFFERS: 'buffers',
  POLICY_RESOURCE_SESSIONS: 'sessions',
  POLICY_RESOURCE_CONNECTIONS: 'connections',
  POLICY_RESOURCE_LEASES: 'leases',
  POLICY_RESOURCE_GRANTS: 'grants',
  POLICY_RESOURCE_CALLS: 'calls',
};
const LIMIT_KINDS: Record<PolicyLimitKind__Output, PolicyLimitKind> = {
  POLICY_LIMIT_KIND_UNSPECIFIED: 'unknown',
  POLICY_LIMIT_KIND_FAIR_SHARE: 'fair-share',
  POLICY_LIMIT_KIND_AMOUNT: 'amount',
  POLICY_LIMIT_KIND_UNLIMITED: 'unlimited',
};
const SCOPES: Record<PolicyScope__Output, PolicyRule['per']> = {
  POLICY_SCOPE_UNSPECIFIED: 'unknown',
  POLICY_SCOPE_UID: 'uid',
  POLICY_SCOPE_CONTAINER: 'container',
  POLICY_SCOPE_RULE: 'rule',
};

export async function getPolicy(
  control: ControlConnection,
  limits: CallLimits,
): Promise<PolicyDescription> {
  const { source, rules } = await control.call(control.methods.policy.GetPolicy, {}, limits);
  return { source, rules: rules.map(describeRule) };
}

export async function reloadPolicy(
  control: ControlConnection,
  limits: CallLimits,
): Promise<PolicyReload> {
  const { source, ruleCount } = await control.call(control.methods.policy.ReloadPolicy, {}, limits);
  return { source, ruleCount };
}

/** Of the process behind the connection itself for a subject of null. */
export async function explainPolicy(
  control: ControlConnection,
  subject: PolicySubject | null,
  limits: CallLimits,
): Promise<PolicyExplanation> {
  const { ExplainPolicy } = control.methods.policy;
  return describeExplanation(await control.call(ExplainPolicy, requestFor(subject), limits));
}

function requestFor(subject: PolicySubject | null): ExplainPolicyRequest {
  if (subject === null) return {};
  if ('pid' in subject) return { pid: subject.pid };
  const { uid, gid, groups = [], cgroup = '' } = subject;
  const attributes = { uid, ...(gid === undefined ? {} : { gid }), groups: [...groups], cgroup };
  return { attributes };
}

function describeRule({ name, source, criteria, rights, per }: PolicyRule__Output): PolicyRule {
  return {
    name,
    source,
    criteria,
    rights: rights === null ? null : describeRights(rights),
    per: SCOPES[per] ?? 'unknown',
  };
}

function describeRights(rights: PolicyRights__Output): PolicyRights {
  const { heaps, maxBufferBytes, limits, mayAdopt, publish, open, mayInspect, access } = rights;
  return {
    heaps,
    maxBufferBytes: maxBufferBytes === undefined ? null : toInteger(maxBufferBytes),
    limits: limits.map(describeLimit),
    mayAdopt,
    publish,
    open,
    access: describeAccess(access),
    mayInspect,
  };
}

function describeLimit({ resource, kind, amount }: PolicyLimit__Output): PolicyLimit {
  return {
    resource: RESOURCES[resource] ?? 'unknown',
    kind: LIMIT_KINDS[kind] ?? 'unknown',
    amount: kind === 'POLICY_LIMIT_KIND_AMOUNT' ? toInteger(amount) : null,
  };
}

function describeExplanation(response: ExplainPolicyResponse__Output): PolicyExplanation {
  const { peer, steps, rights, account, usages } = response;
  return {
    peer: describePeer(peer),
    steps: steps.map(({ rule, source, failedReason, decides }) => ({
      rule,
      source,
      failedReason: decides ? null : failedReason,
    })),
    rights: rights === null ? null : describeRights(rights),
    account,
    usages: usages.map(({ resource, held, limit, kind }) => ({
      resource: RESOURCES[resource] ?? 'unknown',
      held: toInteger(held),
      limit: toInteger(limit),
      kind: LIMIT_KINDS[kind] ?? 'unknown',
    })),
  };
}
