/** The state files' contents, checked before they are believed: what a damaged or foreign file says is a problem, never a fact. */
import * as v from 'valibot';
import type {
  BufferFact,
  CpuAccessFact,
  FreeIds,
  GrantFact,
  LeaseFact,
  SessionFact,
} from '../domain/facts';
import {
  type BufferId,
  type GrantId,
  isBufferId,
  isGrantId,
  isSessionId,
  type SessionId,
} from '../domain/ids';
import type { Peer } from '../domain/peer';
import type { PolicyFact } from '../policy/policy-keeper';

type Schema<T> = v.GenericSchema<unknown, T>;

function id<Id extends number>(isValid: (value: number) => value is Id): Schema<Id> {
  return v.custom<Id>((value) => typeof value === 'number' && isValid(value), 'must be an id');
}

const sessionId = id<SessionId>(isSessionId);
const bufferId = id<BufferId>(isBufferId);
const grantId = id<GrantId>(isGrantId);
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const time = v.pipe(v.number(), v.finite());
const access = v.picklist(['read', 'read-write']);
const text = v.string();

const peer: Schema<Peer> = v.strictObject({
  pid: count,
  startTime: count,
  // A file of a version that did not ask.
  pidfsInode: v.optional(count, 0),
  uid: count,
  gid: count,
  groups: v.array(count),
  comm: text,
  cgroup: text,
  unit: text,
  container: text,
  isContained: v.boolean(),
});

export const sessionFact: Schema<SessionFact> = v.strictObject({
  id: sessionId,
  peer,
  account: text,
});

/** What is kept of a session's token. */
export interface TokenFact {
  readonly sessionId: SessionId;
  readonly digest: string;
}

export const tokenFact: Schema<TokenFact> = v.strictObject({ sessionId, digest: text });

export const bufferFact: Schema<BufferFact> = v.strictObject({
  id: bufferId,
  heap: text,
  origin: v.picklist(['allocated', 'adopted']),
  kind: v.picklist(['dma-buf', 'memfd']),
  device: count,
  inode: count,
  sizeBytes: v.nullable(count),
  access,
  label: text,
  createdAtMs: time,
  account: text,
  chargedBytes: count,
});

export const grantFact: Schema<GrantFact> = v.strictObject({
  id: grantId,
  bufferId,
  maker: sessionId,
  access,
  audience: v.strictObject({
    uid: v.nullable(count),
    gid: v.nullable(count),
    cgroup: v.nullable(text),
  }),
  name: v.nullable(text),
  digest: v.nullable(text),
  expiresAtMs: v.nullable(time),
  maxUses: v.nullable(count),
  uses: count,
  ended: v.boolean(),
  account: text,
});

export const leaseFact: Schema<LeaseFact> = v.strictObject({
  sessionId,
  bufferId,
  access,
  isOwner: v.boolean(),
  createdAtMs: time,
  openedWith: v.array(grantId),
  account: text,
});

export const cpuAccessFact: Schema<CpuAccessFact> = v.strictObject({
  sessionId,
  bufferId,
  mode: v.picklist(['read', 'write', 'read-write']),
});

export const policyFact: Schema<PolicyFact> = v.strictObject({ path: text, text });

const firstId = v.pipe(v.number(), v.safeInteger(), v.minValue(1));
export const freeIds: Schema<FreeIds> = v.strictObject({
  session: firstId,
  buffer: firstId,
  grant: firstId,
});
