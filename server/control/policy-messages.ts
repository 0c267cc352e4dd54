/** What the domain tells of the policy, as the messages of policy.proto. */
import type { ExplainPolicyResponse as ExplainPolicyResponseMessage } from '../../proto/generated/dmabufd/v1/ExplainPolicyResponse';
import type { GetPolicyResponse as GetPolicyResponseMessage } from '../../proto/generated/dmabufd/v1/GetPolicyResponse';
import type { PolicyLimit as PolicyLimitMessage } from '../../proto/generated/dmabufd/v1/PolicyLimit';
import type { PolicyLimitKind as PolicyLimitKindMessage } from '../../proto/generated/dmabufd/v1/PolicyLimitKind';
import type { PolicyRights as PolicyRightsMessage } from '../../proto/generated/dmabufd/v1/PolicyRights';
import type { PolicyRule as PolicyRuleMessage } from '../../proto/generated/dmabufd/v1/PolicyRule';
import type { Pattern } from '../domain/pattern';
import type { Peer } from '../domain/peer';
import type { Criterion, Decision, ExplanationStep, Policy, Rights, Rule } from '../domain/policy';
import { type Quota, RESOURCES } from '../domain/quota';
import { toAccess, toPeer } from './messages';

/** What is asked of the quota. */
export type Usage = Pick<Quota, 'heldOf' | 'limitOf'>;

const NAMES = {
  bytes: 'POLICY_RESOURCE_BYTES',
  buffers: 'POLICY_RESOURCE_BUFFERS',
  sessions: 'POLICY_RESOURCE_SESSIONS',
  connections: 'POLICY_RESOURCE_CONNECTIONS',
  leases: 'POLICY_RESOURCE_LEASES',
  grants: 'POLICY_RESOURCE_GRANTS',
  calls: 'POLICY_RESOURCE_CALLS',
} as const;
const SCOPES = {
  uid: 'POLICY_SCOPE_UID',
  container: 'POLICY_SCOPE_CONTAINER',
  rule: 'POLICY_SCOPE_RULE',
} as const;

export function toPolicy({ source, rules }: Policy): GetPolicyResponseMessage {
  return { source, rules: rules.map(toRule) };
}

export function toExplanation(
  peer: Peer,
  steps: readonly ExplanationStep[],
  decision: Decision,
  quota: Usage,
): ExplainPolicyResponseMessage {
  const { rights } = decision.rule;
  return {
    peer: toPeer(peer),
    steps: steps.map(({ rule: { name, source }, failed }) => ({
      rule: name,
      source,
      failedReason: failed ?? '',
      decides: failed === null,
    })),
    rights: rights === null ? null : toRights(rights),
    account: decision.account,
    usages: toUsages(decision, quota),
  };
}

function toUsages({ rule: { rights }, account }: Decision, quota: Usage) {
  return RESOURCES.map((resource) => ({
    resource: NAMES[resource],
    held: quota.heldOf(account, resource),
    limit: rights === null ? 0 : quota.limitOf({ account, limits: rights.limits }, resource),
    kind: rights === null ? 'POLICY_LIMIT_KIND_AMOUNT' : kindOf(rights.limits[resource]),
  }));
}

function toRule({ name, source, criteria, rights, per }: Rule): PolicyRuleMessage {
  return {
    name,
    source,
    criteria: criteria.map(describeCriterion),
    rights: rights === null ? null : toRights(rights),
    per: SCOPES[per],
  };
}

function toRights(rights: Rights): PolicyRightsMessage {
  return {
    heaps: textsOf(rights.heaps),
    ...(rights.maxBufferBytes === null ? {} : { maxBufferBytes: rights.maxBufferBytes }),
    limits: RESOURCES.map((resource) => ({
      resource: NAMES[resource],
      ...toLimit(rights.limits[resource]),
    })),
    mayAdopt: rights.mayAdopt,
    publish: textsOf(rights.publish),
    open: textsOf(rights.open),
    mayInspect: rights.mayInspect,
    access: toAccess(rights.access),
  };
}

function toLimit(limit: number | null): PolicyLimitMessage {
  const kind = kindOf(limit);
  return { kind, amount: kind === 'POLICY_LIMIT_KIND_AMOUNT' && limit !== null ? limit : 0 };
}

function kindOf(limit: number | null): PolicyLimitKindMessage {
  if (limit === null) return 'POLICY_LIMIT_KIND_FAIR_SHARE';
  return limit === Number.POSITIVE_INFINITY
    ? 'POLICY_LIMIT_KIND_UNLIMITED'
    : 'POLICY_LIMIT_KIND_AMOUNT';
}

function textsOf(patterns: readonly Pattern[]): string[] {
  return patterns.map(({ text }) => text);
}

function describeCriterion(criterion: Criterion): string {
  if (criterion.key !== 'administrator') return `${criterion.key} ${criterion.wanted}`;
  const uids = new Set([0, criterion.daemonUid]);
  return `uid ${[...uids].join(' or ')}, outside of containers`;
}
