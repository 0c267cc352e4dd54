/** PolicyService of policy.proto. */
import type { ExplainPolicyRequest__Output } from '../../proto/generated/dmabufd/v1/ExplainPolicyRequest';
import type { PolicyServiceHandlers } from '../../proto/generated/dmabufd/v1/PolicyService';
import type { PolicySubject__Output } from '../../proto/generated/dmabufd/v1/PolicySubject';
import type { Callers } from '../domain/callers';
import { DomainError } from '../domain/errors';
import type { Peer } from '../domain/peer';
import type { Policy, PolicyInForce } from '../domain/policy';
import { PolicyFileError } from '../policy/problems';
import { type CallContext, unary } from './call';
import { parseCgroup } from './parse';
import { toExplanation, toPolicy, type Usage } from './policy-messages';

/** What a process would be like, as far as the policy looks at it. */
export interface PeerAttributes {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
  /** Empty if it is not known. */
  readonly cgroup: string;
}

/** What the service needs of the daemon. */
export interface PolicyPort {
  readonly policy: PolicyInForce;
  readonly quota: Usage;
  readonly callers: Pick<Callers, 'requireAdministrator'>;
  /** A PolicyFileError tells why the policy before stays in force. */
  reload(): Promise<Policy>;
  /** NOT_FOUND if there is no such process. */
  peerOfPid(pid: number): Peer;
  /** The unit and the container are those that the cgroup tells. */
  peerOfAttributes(attributes: PeerAttributes): Peer;
}

/** In the trailers of an answer, which clients do not take at any length. */
const MAX_REFUSAL_CHARACTERS = 2048;

export function policyService(port: PolicyPort, context: CallContext): PolicyServiceHandlers {
  const { policy, quota, callers } = port;
  return {
    GetPolicy: unary(context, (_request, { caller }) => {
      callers.requireAdministrator(caller.peer, 'see the policy');
      return toPolicy(policy.current);
    }),

    ReloadPolicy: unary(context, async (_request, { caller }) => {
      const { source, rules } = await context.broker.auditor.watchAsync(
        { action: 'reload-policy', ...caller, details: {} },
        async () => {
          callers.requireAdministrator(caller.peer, 'reload the policy');
          return port.reload().catch(refuse);
        },
        (policyNow) => ({ source: policyNow.source, rules: policyNow.rules.length }),
      );
      return { source, ruleCount: rules.length };
    }),

    ExplainPolicy: unary(context, (request, { caller }) => {
      if (request.subject !== undefined) {
        callers.requireAdministrator(caller.peer, 'ask what the policy says of others');
      }
      const peer = subjectOf(request, caller.peer, port);
      const { current } = policy;
      return toExplanation(peer, current.explain(peer), current.decide(peer), quota);
    }),
  };
}

function subjectOf(
  { pid, attributes }: ExplainPolicyRequest__Output,
  caller: Peer,
  port: PolicyPort,
): Peer {
  if (pid !== undefined) return port.peerOfPid(pid);
  return attributes === undefined || attributes === null
    ? caller
    : port.peerOfAttributes(parseSubject(attributes));
}

function parseSubject({ uid, gid = uid, groups, cgroup }: PolicySubject__Output): PeerAttributes {
  return { uid, gid, groups, cgroup: parseCgroup('attributes.cgroup', cgroup) ?? '' };
}

function refuse(error: unknown): never {
  if (!(error instanceof PolicyFileError)) throw error;
  const message = `the policy was not reloaded, and the one before stays in force:\n${shorten(error.lines)}`;
  throw new DomainError('failed-precondition', message, { cause: error });
}

/** As many of the lines as fit, and how many more there are. */
function shorten(lines: readonly string[]): string {
  let length = 0;
  const shown = lines.filter((line) => {
    length += line.length + 1;
    return length <= MAX_REFUSAL_CHARACTERS;
  });
  if (shown.length === lines.length) return lines.join('\n');
  const more = `and ${lines.length - shown.length} more: dmabufd --check-policy tells all`;
  return [...shown, more].join('\n');
}
