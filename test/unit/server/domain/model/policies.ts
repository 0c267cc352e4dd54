/** The policies between which the administrator of the model goes to and fro. */
import { builtInPolicy } from '../../../../../server/domain/built-in-policy';
import { Pattern } from '../../../../../server/domain/pattern';
import { Policy, type Rights, type Rule } from '../../../../../server/domain/policy';
import { FAIR_SHARES } from '../../../../../server/domain/quota';
import { DAEMON_UID } from '../fakes';

const NOTHING: Rights = {
  heaps: [],
  maxBufferBytes: null,
  limits: FAIR_SHARES,
  mayAdopt: false,
  publish: [],
  open: [new Pattern('b/*')],
  access: 'read-write',
  mayInspect: false,
};
const ruleFor = (uid: number, rights: Rights | null): Rule => ({
  name: `uid-${uid}`,
  source: 'test',
  criteria: [{ key: 'uid', ids: [{ first: uid, last: uid }], wanted: String(uid) }],
  rights,
  per: 'uid',
});
const BUILT_IN = builtInPolicy(DAEMON_UID);
export const POLICIES = {
  open: BUILT_IN,
  /** Nothing but opening `b/c` for 1000, and nothing at all for 1001. */
  strict: new Policy('strict', [ruleFor(1000, NOTHING), ruleFor(1001, null), ...BUILT_IN.rules]),
};
