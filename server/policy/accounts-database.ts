/**
 * Numbers of users and groups by their names. getent(1) asks the Name Service Switch as every program of the system
 * does, LDAP and systemd's dynamic users included, in a process of its own: a server that does not answer holds up nothing here.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { parseId } from './ids';

export type Database = 'passwd' | 'group';

export interface AccountName {
  readonly database: Database;
  readonly name: string;
}

/** What was found out about a name: its number, or why it has none. */
export type Account = { readonly id: number } | { readonly problem: string };

export type FindAccount = (wanted: AccountName) => Account;

const run = promisify(execFile);
const LOOKUP_TIMEOUT_MS = 10_000;
/** Of getent(1): one of the keys is not in the database. */
const EXIT_NOT_FOUND = 2;
/** Where the number is in a line of passwd(5) and group(5). */
const ID_FIELD = 2;
/** What getent would take for an option, and what can be in no line of the databases. */
const IMPOSSIBLE = /^-|[:\p{Cc}]/u;

/** Looks each name up once, one after the other. */
export async function lookUpAccounts(names: readonly AccountName[]): Promise<FindAccount> {
  const found = new Map<string, Account>();
  for (const wanted of names) {
    const key = keyOf(wanted);
    if (!found.has(key)) found.set(key, await lookUp(wanted));
  }
  return (wanted) => found.get(keyOf(wanted)) ?? unknown(wanted);
}

function keyOf({ database, name }: AccountName): string {
  return `${database} ${name}`;
}

async function lookUp(wanted: AccountName): Promise<Account> {
  const { database, name } = wanted;
  if (IMPOSSIBLE.test(name)) return unknown(wanted);
  try {
    const { stdout } = await run('getent', [database, name], { timeout: LOOKUP_TIMEOUT_MS });
    const id = parseId(stdout.split(':')[ID_FIELD]);
    return id === undefined ? unknown(wanted) : { id };
  } catch (error) {
    if (codeOf(error) === EXIT_NOT_FOUND) return unknown(wanted);
    const reason = codeOf(error) === 'ENOENT' ? 'there is no getent here' : 'getent failed';
    return { problem: `cannot be looked up, ${reason}: write its number` };
  }
}

function unknown({ database }: AccountName): Account {
  return { problem: `is not in the ${database} database: write a name that is, or a number` };
}

/** The exit code of the program, or the errno's name of what kept it from being run. */
function codeOf(error: unknown): unknown {
  return typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
}
