/** An Fd that is a number and remembers whether it was closed. */
import type { Fd } from '../../../native';

export interface FakeFd extends Fd {
  closed: boolean;
  readonly duplicates: FakeFd[];
}

export function fakeFd(number = 3): FakeFd {
  const duplicates: FakeFd[] = [];
  const fd: FakeFd = {
    number,
    closed: false,
    duplicates,
    close() {
      fd.closed = true;
    },
    duplicate() {
      const other = fakeFd(number);
      duplicates.push(other);
      return other;
    },
    release: () => number,
    [Symbol.dispose]() {
      fd.closed = true;
    },
  };
  return fd;
}
