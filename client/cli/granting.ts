/**
 * The options with which allocate and share grant a buffer to others, and what is printed of the grant.
 */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { GrantDescription } from '../descriptions';
import type { Share, ShareOptions } from '../share';
import { UsageError } from './exit-codes';
import { count, positiveDuration } from './invocation';
import { toHex, writeSecret } from './secrets';

/** As commander gives them. */
export interface GrantingOptions {
  readonly publish?: string;
  readonly secretFile?: string;
  readonly access?: 'read' | 'read-write';
  readonly ttl?: number;
  readonly maxUses?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly cgroup?: string;
}

/** What is printed of a grant. */
export interface GrantReport {
  readonly grant: GrantDescription;
  /** The secret, if it was asked for on stdout. */
  readonly secret?: string;
  readonly secretFile?: string;
}

export function addGrantingOptions(command: Command): Command {
  return command
    .option('--publish <name>', 'share it under this name, such as camera0/preview')
    .option('--secret-file <file>', 'share it by a secret, written to this new file (-: printed)')
    .addOption(
      new Option('--access <access>', 'what those who open it may do').choices([
        'read',
        'read-write',
      ]),
    )
    .option('--ttl <duration>', 'how long it can be opened', positiveDuration)
    .option('--max-uses <n>', 'how often it can be opened', positiveCount)
    .option('--uid <uid>', 'only by processes of this user', count)
    .option('--gid <gid>', 'only by processes of this group', count)
    .option('--cgroup <path>', 'only by processes in this cgroup or below it');
}

/** The grant that is asked for, or null if none is. */
export function grantAskedFor(options: GrantingOptions): ShareOptions | null {
  const { publish, secretFile, access, ttl, maxUses, uid, gid, cgroup } = options;
  if (publish !== undefined && secretFile !== undefined) {
    throw new UsageError('--publish and --secret-file: a grant has a name or a secret, not both');
  }
  if (publish === undefined && secretFile === undefined) {
    const others = { access, ttl, maxUses, uid, gid, cgroup };
    const given = Object.entries(others).find(([, value]) => value !== undefined);
    if (given === undefined) return null;
    throw new UsageError(`--${given[0]} says how to share: it needs --publish or --secret-file`);
  }
  return { name: publish, access, timeToLiveMs: ttl, maxUses, audience: { uid, gid, cgroup } };
}

/** Puts the secret where it was asked to be, and tells what to print. */
export function reportGrant(share: Share, { secretFile }: GrantingOptions): GrantReport {
  const { grant, secret } = share;
  if (secret === null || secretFile === undefined) return { grant };
  if (secretFile === '-') return { grant, secret: toHex(secret) };
  writeSecret(secretFile, secret);
  return { grant, secretFile };
}

export function fieldsOfGrant({ grant, secret, secretFile }: GrantReport): [string, string][] {
  const fields: [string, string][] = [['grant', `${grant.id}, ${grant.access}`]];
  if (grant.name !== null) fields.push(['published as', grant.name]);
  if (secret !== undefined) fields.push(['secret', secret]);
  if (secretFile !== undefined) fields.push(['secret in', secretFile]);
  if (grant.expireTime !== null) fields.push(['until', grant.expireTime.toISOString()]);
  if (grant.maxUses !== null) fields.push(['uses', `at most ${grant.maxUses}`]);
  return fields;
}

function positiveCount(text: string): number {
  const value = count(text);
  if (value > 0) return value;
  throw new InvalidArgumentError('must be at least 1');
}
