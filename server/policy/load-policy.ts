/** The policy that the daemon was told to have: the built-in one, or that of a file. */
import { builtInPolicy } from '../domain/built-in-policy';
import type { Policy } from '../domain/policy';
import { readPolicyFile } from './policy-file';
import { PolicyFileError } from './problems';

/** Where a policy file is looked for. */
export interface PolicyLocation {
  readonly path: string;
  /** Otherwise the built-in policy stands in for a file that is not there. */
  readonly isRequired: boolean;
}

/** A PolicyFileError tells why not. */
export async function loadPolicy(
  location: PolicyLocation | null,
  daemonUid: number,
): Promise<Policy> {
  if (location === null) return builtInPolicy(daemonUid);
  const { path, isRequired } = location;
  const text = await readPolicyFile(path, daemonUid);
  if (text === null && !isRequired) return builtInPolicy(daemonUid);
  if (text === null) throw new PolicyFileError([`${path}: there is no such file`]);
  // What parses it is some megabytes of code, which a daemon without a policy file goes without.
  const { parsePolicy }: typeof import('./parse-policy') = require('./parse-policy');
  return parsePolicy(text, path, daemonUid);
}
