/** The heaps of this machine, as probed at start: usable ones first, and the default first of all. */
import { DomainError } from './errors';
import type { Heap, HeapDescription } from './ports';

export class HeapCatalogue {
  private readonly byName: ReadonlyMap<string, Heap>;

  constructor(private readonly heaps: readonly Heap[]) {
    this.byName = new Map(heaps.map((heap) => [heap.description.name, heap]));
  }

  /** The first that is usable; undefined if none is. */
  get default(): Heap | undefined {
    const first = this.heaps[0];
    return first?.description.unavailableReason === null ? first : undefined;
  }

  list(): HeapDescription[] {
    return this.heaps.map((heap) => heap.description);
  }

  /** By name, or the default for an empty one. INVALID_ARGUMENT, or FAILED_PRECONDITION if it is unusable. */
  choose(name: string): Heap {
    const heap = name === '' ? this.default : this.byName.get(name);
    if (heap === undefined) {
      const known = [...this.byName.keys()].join(', ');
      throw name === ''
        ? new DomainError(
            'failed-precondition',
            'no heap of this machine can be used: see ListHeaps',
          )
        : new DomainError(
            'invalid-argument',
            `heap ${JSON.stringify(name)} is unknown; there are: ${known}`,
          );
    }
    const { unavailableReason } = heap.description;
    if (unavailableReason !== null) {
      throw new DomainError(
        'failed-precondition',
        `heap ${name} cannot be used: ${unavailableReason}`,
      );
    }
    return heap;
  }
}
