/**
 * The queue of one buffer: many readers or one writer, first come first served. A reader that comes after a waiting
 * writer waits behind it, so that no writer starves. It knows neither time nor the kernel; whoever enters
 * is told when its turn has come, and must leave.
 */

/** A place in the queue. */
export class Turn<Owner> {
  state: 'waiting' | 'held' | 'left' = 'waiting';

  constructor(
    readonly owner: Owner,
    readonly writes: boolean,
    /** Called when the turn has come, at once or later. Must not call back into the arbiter. */
    readonly onHeld: () => void,
  ) {}
}

export class Arbiter<Owner> {
  private readonly held = new Set<Turn<Owner>>();
  private readonly waiting = new Set<Turn<Owner>>();

  /** Nobody holds and nobody waits. */
  get isIdle(): boolean {
    return this.held.size === 0 && this.waiting.size === 0;
  }

  enter(owner: Owner, writes: boolean, onHeld: () => void): Turn<Owner> {
    const turn = new Turn(owner, writes, onHeld);
    this.waiting.add(turn);
    this.advance();
    return turn;
  }

  /** Gives a held turn back, or a place in the queue up. Does nothing the second time. */
  leave(turn: Turn<Owner>): void {
    turn.state = 'left';
    this.held.delete(turn);
    this.waiting.delete(turn);
    this.advance();
  }

  /** Who holds, then who waits, first come first. */
  *turns(): Iterable<Turn<Owner>> {
    yield* this.held;
    yield* this.waiting;
  }

  private advance(): void {
    for (const next of this.waiting) {
      const isFree = this.held.size === 0 || (!next.writes && !this.isWriting());
      if (!isFree) return;
      this.waiting.delete(next);
      this.held.add(next);
      next.state = 'held';
      next.onHeld();
    }
  }

  /** A writer is alone, so looking at one holder is enough. */
  private isWriting(): boolean {
    for (const turn of this.held) return turn.writes;
    return false;
  }
}
