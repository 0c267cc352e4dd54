/**
 * Grants: how a buffer's owner lets others open it, by a secret or under a name.
 */
import { CallLimits, type CallOptions } from './call-limits';
import type { ControlConnection } from './control-connection';
import { ACCESS_NAMES, type Audience, describeGrant, type GrantDescription } from './descriptions';
import { DmabufdError } from './errors';
import type { Session } from './session';

/** What is granted. */
export interface ShareOptions {
  /** Publishes under this name, such as `camera0/preview`, instead of making a secret. */
  readonly name?: string | undefined;
  /** What those who open it may do; default: what the owner may. */
  readonly access?: 'read' | 'read-write' | undefined;
  /** Who may open it; default: everybody who has the secret or knows the name. */
  readonly audience?: Audience | undefined;
  /** How long it can be opened, in milliseconds; default: as long as the session lives. */
  readonly timeToLiveMs?: number | undefined;
  /** How often it can be opened; default: no limit. */
  readonly maxUses?: number | undefined;
}

/** A grant that this session made. */
export interface Share extends AsyncDisposable {
  readonly grant: GrantDescription;
  /** 32 bytes that open the buffer, told this once; null if it is published under a name. */
  readonly secret: Uint8Array | null;
  /** Nobody can open with it any more. Resolves to how many leases were ended with it. */
  revoke(options?: RevokeOptions): Promise<number>;
}

/** How a grant is revoked. */
export interface RevokeOptions extends CallOptions {
  /** Also ends the leases that were opened with it. Fds and mappings that were given cannot be taken back. */
  readonly revokeLeases?: boolean | undefined;
}

const PAGE_SIZE = 100;
const MAX_UINT32 = 2 ** 32 - 1;
/** The last number means "no user" to the kernel: (uid_t) -1. */
const MAX_ID = MAX_UINT32 - 1;

function requireUint32(field: string, value: number | undefined, max: number): void {
  if (value === undefined || (Number.isInteger(value) && value >= 0 && value <= max)) return;
  throw new DmabufdError('INVALID_ARGUMENT', `${field}: ${value}: must be 0 to ${max}`);
}

export async function shareBuffer(
  session: Session,
  bufferId: number,
  share: ShareOptions,
  limits: CallLimits,
): Promise<Share> {
  const { name = '', access, audience = {}, timeToLiveMs, maxUses = 0 } = share;
  const { uid, gid, cgroup = '' } = audience;
  // Protobuf would wrap them around, and let somebody else in.
  requireUint32('uid', uid, MAX_ID);
  requireUint32('gid', gid, MAX_ID);
  requireUint32('maxUses', maxUses, MAX_UINT32);
  const request = {
    bufferId,
    access: access === undefined ? 'ACCESS_UNSPECIFIED' : ACCESS_NAMES[access],
    audience: {
      ...(uid === undefined ? {} : { uid }),
      ...(gid === undefined ? {} : { gid }),
      cgroup,
    },
    name,
    ...(timeToLiveMs === undefined ? {} : { timeToLive: toDuration(timeToLiveMs) }),
    maxUses,
  } as const;
  const { control, grantIds } = session;
  const { ShareBuffer } = control.methods.shares;
  const response = await session.take(limits, 'ShareBuffer', async () => {
    const made = await control.callOnce(ShareBuffer, request, limits);
    grantIds.add(describeGrant(made.grant).id);
    return made;
  });
  const grant = describeGrant(response.grant);
  const revoke = (options?: RevokeOptions) => revokeGrant(session, grant.id, options);
  return {
    grant,
    secret: response.secret.length === 0 ? null : new Uint8Array(response.secret),
    revoke,
    [Symbol.asyncDispose]: async () => {
      await revoke().catch(ignoreEnded);
    },
  };
}

export async function revokeGrant(
  { control, grantIds }: Session,
  grantId: number,
  options: RevokeOptions = {},
): Promise<number> {
  const request = { grantId, revokeLeases: options.revokeLeases ?? false };
  const limits = new CallLimits(options);
  const { RevokeGrant } = control.methods.shares;
  const revoked = await control.untilAnswered(limits, 'RevokeGrant', async (isRepeated) => {
    try {
      return (await control.callOnce(RevokeGrant, request, limits)).revokedLeaseCount;
    } catch (error) {
      // The first was carried out, and its answer, with the count, lost with the daemon that was restarted.
      const isDone = isRepeated && error instanceof DmabufdError && error.code === 'NOT_FOUND';
      if (!isDone) throw error;
      return 0;
    }
  });
  grantIds.delete(grantId);
  return revoked;
}

/** The session's grants, by ascending id. */
export async function listGrants(
  control: ControlConnection,
  limits: CallLimits,
): Promise<GrantDescription[]> {
  const grants: GrantDescription[] = [];
  let pageToken = '';
  do {
    const request = { pageSize: PAGE_SIZE, pageToken };
    const page = await control.call(control.methods.shares.ListGrants, request, limits);
    grants.push(...page.grants.map(describeGrant));
    pageToken = page.nextPageToken;
  } while (pageToken !== '');
  return grants;
}

function toDuration(milliseconds: number): { seconds: string; nanos: number } {
  if (!Number.isFinite(milliseconds) || milliseconds <= 0) {
    const limit = 'must be more than 0';
    throw new DmabufdError('INVALID_ARGUMENT', `timeToLiveMs: ${milliseconds}: ${limit}`);
  }
  const seconds = Math.floor(milliseconds / 1000);
  return { seconds: String(seconds), nanos: Math.round((milliseconds - 1000 * seconds) * 1e6) };
}

/** A grant may have expired, been used up or gone with its session before it is disposed of. */
function ignoreEnded(error: unknown): void {
  const ended =
    error instanceof DmabufdError && (error.code === 'NOT_FOUND' || error.code === 'UNAVAILABLE');
  if (!ended) throw error;
}
