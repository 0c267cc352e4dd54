/**
 * A set of ids that can be read in ascending order from anywhere, so that a page of a long list costs what the page is
 * long and not what the list is long. Ids come mostly in ascending order, which is a push.
 */
export class AscendingIds<Id extends number> {
  private readonly ids: Id[] = [];

  get size(): number {
    return this.ids.length;
  }

  add(id: Id): void {
    const at = this.firstAbove(id);
    if (this.ids[at - 1] !== id) this.ids.splice(at, 0, id);
  }

  delete(id: Id): void {
    const at = this.firstAbove(id) - 1;
    if (this.ids[at] === id) this.ids.splice(at, 1);
  }

  /** At most `count` ids that are greater than `after`. */
  after(after: number, count: number): Id[] {
    const from = this.firstAbove(after);
    return this.ids.slice(from, from + count);
  }

  private firstAbove(value: number): number {
    const last = this.ids[this.ids.length - 1];
    if (last === undefined || last <= value) return this.ids.length;
    let low = 0;
    let high = this.ids.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const id = this.ids[middle];
      if (id !== undefined && id <= value) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
