/**
 * What is in force without a policy file, and around the rules of one: administrators may do everything; everybody else
 * who can connect, which the sockets' mode decides, may share buffers within a fair share and sees nothing of others.
 */
import { Pattern } from './pattern';
import { Policy, type Rights, type Rule } from './policy';
import { FAIR_SHARES, UNLIMITED } from './quota';

/** Where rules stand that no file has. */
export const BUILT_IN = 'built in';
const EVERYTHING = [new Pattern('**')];

const ORDINARY_RIGHTS: Rights = {
  heaps: EVERYTHING,
  maxBufferBytes: null,
  limits: FAIR_SHARES,
  mayAdopt: true,
  publish: EVERYTHING,
  open: EVERYTHING,
  access: 'read-write',
  mayInspect: false,
};

/** Root and the daemon's own user, outside of containers. */
export function administratorsRule(daemonUid: number): Rule {
  const rights = { ...ORDINARY_RIGHTS, limits: UNLIMITED, mayInspect: true };
  const criteria = [{ key: 'administrator', daemonUid } as const];
  return { name: 'administrators', source: BUILT_IN, criteria, rights, per: 'uid' };
}

/** The policy of a daemon that was given none. */
export function builtInPolicy(daemonUid: number): Policy {
  const everybody: Rule = {
    name: 'everybody',
    source: BUILT_IN,
    criteria: [],
    rights: ORDINARY_RIGHTS,
    // All containers may run as one user, root.
    per: 'container',
  };
  return new Policy(BUILT_IN, [administratorsRule(daemonUid), everybody]);
}
