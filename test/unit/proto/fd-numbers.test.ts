import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as numbers from '../../../proto/fd-numbers';
import { projectRoot } from '../../jest-run';

const header = readFileSync(join(projectRoot, 'proto', 'dmabufd_fd.h'), 'utf8');

/** The value of a #define, an enumerator or a size that the header asserts. */
function inHeader(pattern: string): number {
  const value = new RegExp(pattern, 'm').exec(header)?.[1];
  if (value === undefined) throw new Error(`dmabufd_fd.h has no ${pattern}`);
  return Number(value.replace(/u$/, ''));
}

const define = (name: string) => inHeader(`^#define DMABUFD_FD_${name} (\\w+)$`);
const enumerator = (name: string) => inHeader(`^ {2}DMABUFD_FD_${name} = (\\d+),$`);
const size = (name: string) =>
  inHeader(`^static_assert\\(sizeof\\(dmabufd_fd_${name}\\) == (\\d+),`);

describe('the numbers in TypeScript are those of dmabufd_fd.h', () => {
  it.each(Object.entries(numbers.Opcode))('opcode %s', (name, value) => {
    expect(enumerator(name)).toBe(value);
  });

  it.each(Object.entries(numbers.Flag))('flag %s', (name, value) => {
    expect(define(name)).toBe(value);
  });

  it.each([
    ['ANSWER', numbers.ANSWER],
    ['VERSION', numbers.VERSION],
    ['MAX_FDS', numbers.MAX_FDS],
    ['MAX_DATAGRAM', numbers.MAX_DATAGRAM_BYTES],
    ['TOKEN_BYTES', numbers.TOKEN_BYTES],
    ['LABEL_BYTES', numbers.LABEL_BYTES],
  ])('%s', (name, value) => {
    expect(define(name)).toBe(value);
  });

  it.each([
    ['header', numbers.HEADER_BYTES],
    ['welcome', numbers.WELCOME_BYTES],
    ['restarted', numbers.RESTARTED_BYTES],
    ['buffer', numbers.BUFFER_BYTES],
    ['fence', numbers.FENCE_BYTES],
    ['adopt', numbers.LABEL_BYTES],
  ])('the size of struct %s', (name, value) => {
    expect(size(name)).toBe(value);
  });
});
