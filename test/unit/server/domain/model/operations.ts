/** What clients, the kernel and the administrator may do, at random. */
import * as fc from 'fast-check';
import type { Access, CpuAccessMode } from '../../../../../server/domain/access';
import type { POLICIES } from './policies';

export type Operation =
  | { readonly do: 'open-session'; readonly uid: number }
  | { readonly do: 'close-session'; readonly session: number }
  | {
      readonly do: 'allocate';
      readonly session: number;
      readonly pages: number;
      readonly fails: boolean;
    }
  | {
      readonly do: 'adopt';
      readonly session: number;
      readonly inode: number;
      readonly access: Access;
    }
  | { readonly do: 'release'; readonly session: number; readonly buffer: number }
  | {
      readonly do: 'share';
      readonly session: number;
      readonly buffer: number;
      readonly access: Access;
      readonly maxUses: number | null;
      readonly timeToLiveMs: number | null;
      readonly uid: number | null;
      readonly name: string | null;
    }
  | { readonly do: 'open'; readonly session: number; readonly grant: number }
  | { readonly do: 'revoke'; readonly grant: number; readonly leases: boolean }
  | {
      readonly do: 'begin';
      readonly session: number;
      readonly buffer: number;
      readonly mode: CpuAccessMode;
    }
  | { readonly do: 'cancel'; readonly wait: number }
  | { readonly do: 'end'; readonly session: number; readonly buffer: number }
  /** Somebody keeps an fd, whatever becomes of the lease; somebody closes all. */
  | { readonly do: 'keep'; readonly buffer: number }
  | { readonly do: 'let-go' }
  | { readonly do: 'reload'; readonly policy: keyof typeof POLICIES }
  | { readonly do: 'stall' | 'resume' | 'fail-start' | 'fail-end' | 'fences' | 'signal-fences' }
  | { readonly do: 'advance'; readonly ms: number }
  | { readonly do: 'restart' };

/** Taken modulo what there is; small ones are likely, so that operations meet. */
const index = fc.oneof(fc.nat(2), fc.nat(30));
const uid = fc.constantFrom(0, 1000, 1001);
const access = fc.constantFrom<Access>('read', 'read-write');
const mode = fc.constantFrom<CpuAccessMode>('read', 'write', 'read-write');
/** An operation's name, as a literal type. */
export const is = <Name extends Operation['do']>(name: Name) => fc.constant(name);

export const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 1, arbitrary: fc.record({ do: is('open-session'), uid }) },
  { weight: 1, arbitrary: fc.record({ do: is('close-session'), session: index }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: is('allocate'),
      session: index,
      pages: fc.integer({ min: 1, max: 17 }),
      fails: fc.boolean(),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: is('adopt'), session: index, inode: fc.nat(3), access }),
  },
  { weight: 2, arbitrary: fc.record({ do: is('release'), session: index, buffer: index }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: is('share'),
      session: index,
      buffer: index,
      access,
      maxUses: fc.constantFrom(null, 1, 2),
      timeToLiveMs: fc.constantFrom(null, 10, 1000),
      uid: fc.constantFrom(null, 1000),
      name: fc.constantFrom(null, 'a', 'b/c'),
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: is('open'), session: index, grant: index }) },
  { weight: 2, arbitrary: fc.record({ do: is('revoke'), grant: index, leases: fc.boolean() }) },
  { weight: 8, arbitrary: fc.record({ do: is('begin'), session: index, buffer: index, mode }) },
  { weight: 2, arbitrary: fc.record({ do: is('cancel'), wait: index }) },
  { weight: 6, arbitrary: fc.record({ do: is('end'), session: index, buffer: index }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom<'stall' | 'resume'>('stall', 'resume') }),
  },
  { weight: 2, arbitrary: fc.record({ do: is('keep'), buffer: index }) },
  { weight: 1, arbitrary: fc.record({ do: is('let-go') }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: is('reload'), policy: fc.constantFrom('open', 'strict') }),
  },
  { weight: 1, arbitrary: fc.record({ do: is('advance'), ms: fc.constantFrom(5, 50, 2000) }) },
  { weight: 2, arbitrary: fc.record({ do: is('restart') }) },
);

/** Three sessions that share a buffer: without it, a random walk rarely comes to where it is crowded. */
export const CROWD: readonly Operation[] = [
  { do: 'open-session', uid: 0 },
  { do: 'open-session', uid: 1000 },
  { do: 'open-session', uid: 1001 },
  { do: 'allocate', session: 0, pages: 1, fails: false },
  {
    do: 'share',
    session: 0,
    buffer: 0,
    access: 'read-write',
    maxUses: null,
    timeToLiveMs: null,
    uid: null,
    name: 'a',
  },
  { do: 'open', session: 1, grant: 0 },
  { do: 'open', session: 2, grant: 0 },
];
