/**
 * Gives out ids. Those that were given must not be given again by a later process of the daemon, so that blocks of them are put
 * aside beforehand: one note for many ids, and after a restart some are never used.
 */
import { FIRST_IDS, type FreeIds, type Keeper } from './facts';
import { type BufferId, type GrantId, isBufferId, isGrantId, type SessionId } from './ids';

const BLOCK = 1024;

export class IdSource {
  private readonly next: { session: number; buffer: number; grant: number };
  private reserved: FreeIds;

  constructor(
    private readonly keeper: Pick<Keeper, 'keepFreeIds'>,
    first: FreeIds = FIRST_IDS,
  ) {
    this.next = { ...first };
    this.reserved = first;
  }

  buffer(): BufferId {
    const id = this.take('buffer');
    if (!isBufferId(id)) throw new Error('ids are used up');
    return id;
  }

  grant(): GrantId {
    const id = this.take('grant');
    if (!isGrantId(id)) throw new Error('ids are used up');
    return id;
  }

  /** Sessions are numbered by the fd plane. */
  noteSession(id: SessionId): void {
    this.next.session = Math.max(this.next.session, id + 1);
    this.reserve('session');
  }

  private take(kind: 'buffer' | 'grant'): number {
    const id = this.next[kind];
    this.next[kind] += 1;
    this.reserve(kind);
    return id;
  }

  private reserve(kind: keyof FreeIds): void {
    if (this.next[kind] <= this.reserved[kind]) return;
    const reserved = { ...this.reserved, [kind]: this.next[kind] + BLOCK };
    // If it cannot be noted now, the next id tries again.
    if (this.keeper.keepFreeIds(reserved)) this.reserved = reserved;
  }
}
