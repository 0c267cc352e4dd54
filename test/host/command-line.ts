/** What the command lines of the tests have in common. */
import { InvalidArgumentError } from 'commander';

export function positiveInteger(text: string): number {
  if (!/^[1-9]\d*$/.test(text)) {
    throw new InvalidArgumentError('It is a whole number above 0.');
  }
  return Number(text);
}
