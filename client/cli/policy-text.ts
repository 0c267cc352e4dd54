/** What dmabufctl prints of a policy: its rules, what they give, and how they came to decide. */
import type {
  PolicyDescription,
  PolicyExplanation,
  PolicyLimit,
  PolicyLimitKind,
  PolicyResource,
  PolicyRights,
  PolicyRule,
  PolicyUsage,
} from '../policy';
import { nameOfPeer } from './descriptions';
import { formatBytes } from './quantities';
import { printable, renderFields, renderTable } from './table';

/** Of one limit, beside its number. */
const KINDS: Record<PolicyLimitKind, string> = {
  'fair-share': 'a fair share, now',
  amount: '',
  unlimited: 'all there is',
  unknown: 'unknown',
};
/** Of several. */
const KINDS_OF_ALL: Record<PolicyLimitKind, string> = {
  ...KINDS,
  'fair-share': 'fair shares',
  unlimited: 'all there is',
};

/** The rules, in the order in which they are tried. */
export function renderPolicy({ source, rules }: PolicyDescription): string[] {
  const head = `${printable(source)}: the first rule that holds of a process decides`;
  return [head, ...rules.flatMap((rule, index) => ['', ...renderRule(rule, index + 1)])];
}

function renderRule({ name, source, criteria, rights, per }: PolicyRule, place: number): string[] {
  const holds = criteria.length === 0 ? 'everybody' : criteria.join(', and ');
  const fields: [string, string][] = [['holds of', holds], ...fieldsOfRights(rights)];
  if (rights !== null) {
    fields.push(['at most', describeLimits(rights.limits)], ['counted per', per]);
  }
  return [
    printable(`${place}. ${name} (${source})`),
    ...renderFields(fields).map((line) => `   ${line}`),
  ];
}

/** Who was looked at, which rule decides and why no earlier one does, what that gives, and what is held of it. */
export function renderExplanation(explanation: PolicyExplanation): string[] {
  const { steps, rights, account, usages } = explanation;
  const rows = steps.map(({ rule, source, failedReason }) => [
    rule,
    failedReason === null ? 'decides' : `no: ${failedReason}`,
    source,
  ]);
  return [
    ...renderFields(fieldsOfSubject(explanation)),
    '',
    ...renderTable([{ heading: 'RULE' }, { heading: 'HOLDS' }, { heading: 'FROM' }], rows),
    '',
    ...renderFields(fieldsOfRights(rights)),
    '',
    `what ${printable(account)} holds:`,
    ...renderUsages(usages),
  ];
}

function fieldsOfSubject({ peer }: PolicyExplanation): [string, string][] {
  if (peer === null) return [['process', 'unknown']];
  return [
    ['process', peer.pid === 0 ? `one of uid ${peer.uid}` : nameOfPeer(peer)],
    ['groups', [peer.gid, ...peer.groups].join(', ')],
    ['cgroup', peer.cgroup || '-'],
    ['unit', peer.unit || '-'],
    ['container', peer.container || (peer.isContained ? 'in one, or not visible' : '-')],
  ];
}

function fieldsOfRights(rights: PolicyRights | null): [string, string][] {
  if (rights === null) return [['may', 'nothing: it is kept out']];
  const { heaps, maxBufferBytes, mayAdopt, publish, open, access, mayInspect } = rights;
  const largest = maxBufferBytes === null ? 'what the daemon allows' : formatBytes(maxBufferBytes);
  return [
    ['allocate from', names(heaps)],
    ['buffers up to', largest],
    ['adopt', mayAdopt ? 'yes' : 'no'],
    ['publish', names(publish)],
    ['open', open.length === 0 ? 'none' : `${names(open)}, for ${access}`],
    ['inspect', mayInspect ? 'yes' : 'no'],
  ];
}

function names(patterns: readonly string[]): string {
  if (patterns.length === 0) return 'none';
  return patterns.includes('**') ? 'all' : patterns.join(', ');
}

/** `256.0 MiB, 64 buffers, fair shares of sessions, leases`. */
function describeLimits(limits: readonly PolicyLimit[]): string {
  const amounts = limits.flatMap(({ resource, amount }) =>
    amount === null ? [] : [quantity(resource, amount)],
  );
  const of = (kind: PolicyLimitKind) => {
    const those = limits.filter((limit) => limit.kind === kind).map(({ resource }) => resource);
    if (those.length === 0) return [];
    return [
      `${KINDS_OF_ALL[kind]}${those.length === limits.length ? '' : ` of ${those.join(', ')}`}`,
    ];
  };
  return [...amounts, ...of('fair-share'), ...of('unlimited'), ...of('unknown')].join(', ');
}

function quantity(resource: PolicyResource, amount: number): string {
  return resource === 'bytes' ? formatBytes(amount) : `${amount} ${resource}`;
}

function renderUsages(usages: readonly PolicyUsage[]): string[] {
  const number = (resource: PolicyResource, value: number) =>
    resource === 'bytes' ? formatBytes(value) : String(value);
  return renderTable(
    [
      { heading: 'RESOURCE' },
      { heading: 'HELD', align: 'right' },
      { heading: 'AT MOST', align: 'right' },
      { heading: '' },
    ],
    usages.map(({ resource, held, limit, kind }) => [
      resource,
      number(resource, held),
      number(resource, limit),
      KINDS[kind],
    ]),
  );
}
