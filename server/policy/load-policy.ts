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

/** A policy, and the text that it is made of. */
export interface LoadedPolicy {
  readonly policy: Policy;
  /** Null for the built-in one. */
  readonly text: string | null;
}

/** A PolicyFileError tells why not. */
export async function loadPolicy(
  location: PolicyLocation | null,
  daemonUid: number,
): Promise<LoadedPolicy> {
  if (location === null) return { policy: builtInPolicy(daemonUid), text: null };
  const { path, isRequired } = location;
  const text = await readPolicyFile(path, daemonUid);
  if (text === null && !isRequired) return { policy: builtInPolicy(daemonUid), text };
  if (text === null) throw new PolicyFileError([`${path}: there is no such file`]);
  return { policy: await readPolicy(text, path, daemonUid), text };
}

/** A PolicyFileError has a line for each thing that is wrong. */
export async function readPolicy(text: string, path: string, daemonUid: number): Promise<Policy> {
  // What parses it is some megabytes of code, which a daemon without a policy file goes without.
  const { parsePolicy }: typeof import('./parse-policy') = require('./parse-policy');
  return parsePolicy(text, path, daemonUid);
}
