/**
 * From the text of a policy file to a policy. This is the module that brings the YAML parser and the schema library
 * along: it is loaded when there is a file to read, and not before.
 */
import * as v from 'valibot';
import { administratorsRule } from '../domain/built-in-policy';
import { Policy, type Rule } from '../domain/policy';
import { type AccountName, type FindAccount, lookUpAccounts } from './accounts-database';
import { findTooDeep, MAX_DEPTH } from './nesting';
import { formatPath, type KeyPath, PolicyFileError, type Problem } from './problems';
import { type FilePolicy, policyFileSchema } from './schema';
import { parseYaml, type YamlDocument } from './yaml-document';

/** What is told of a file that is something else altogether. */
const MAX_PROBLEMS = 100;

/** A PolicyFileError tells all that is wrong with it. */
export async function parsePolicy(text: string, path: string, daemonUid: number): Promise<Policy> {
  const tooDeep = findTooDeep(text);
  if (tooDeep !== null) {
    const message = `is nested deeper than ${MAX_DEPTH} levels: a policy has five`;
    throw refused(path, [{ line: tooDeep, message }]);
  }
  const document = parseYaml(text);
  if (document.isBroken) throw refused(path, document.problems);
  const findAccount = await lookUpAccounts(accountsIn(document.value));
  const file = read(document, path, findAccount);
  return toPolicy(file, path, daemonUid, (keys) => `${path}:${document.lineOf(keys)}`);
}

/** What the file names, which a first reading of it tells. */
function accountsIn(value: unknown): AccountName[] {
  const names: AccountName[] = [];
  const schema = policyFileSchema((wanted) => {
    names.push(wanted);
    return { id: 0 };
  });
  v.safeParse(schema, value);
  return names;
}

function read(document: YamlDocument, path: string, findAccount: FindAccount): FilePolicy {
  const result = v.safeParse(policyFileSchema(findAccount), document.value);
  const problems = [...document.problems, ...ofSchema(document, result.issues ?? [])];
  if (result.success && problems.length === 0) return result.output;
  throw refused(path, problems);
}

function ofSchema(document: YamlDocument, issues: readonly v.BaseIssue<unknown>[]): Problem[] {
  return issues.map(({ path = [], message }) => {
    const keys = path.map(({ key }) => (typeof key === 'number' ? key : String(key)));
    const where = formatPath(keys);
    return {
      line: document.lineOf(keys),
      message: where === '' ? message : `${where}: ${message}`,
    };
  });
}

function refused(path: string, problems: readonly Problem[]): PolicyFileError {
  const inOrder = problems.toSorted((one, other) => one.line - other.line);
  const lines = inOrder
    .slice(0, MAX_PROBLEMS)
    .map(({ line, message }) => `${path}:${line}: ${message}`);
  const more = problems.length - lines.length;
  return new PolicyFileError(more > 0 ? [...lines, `${path}: and ${more} more`] : lines);
}

/** The file's rules, then the administrators', then the one for everybody else. */
function toPolicy(
  file: FilePolicy,
  path: string,
  daemonUid: number,
  sourceOf: (keys: KeyPath) => string,
): Policy {
  const rules = file.rules.map(
    (rule, index): Rule => ({
      ...rule,
      source: sourceOf(['rules', index]),
    }),
  );
  const everybody: Rule = {
    ...file.default,
    name: 'everybody',
    source: sourceOf(['default']),
    criteria: [],
  };
  return new Policy(path, [...rules, administratorsRule(daemonUid), everybody]);
}
