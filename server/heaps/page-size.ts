/** The kernel's page size, from the auxiliary vector that it gave this process (AT_PAGESZ, getauxval(3)). */
import { readFileSync } from 'node:fs';
import { arch } from 'node:process';

const AT_PAGESZ = 6;
const COMMON_PAGE_BYTES = 4096;
const ARCHITECTURES_OF_32_BITS = new Set(['arm', 'ia32', 'mipsel', 'mips', 'ppc']);

export function readPageSize(path = '/proc/self/auxv'): number {
  const wordBytes = ARCHITECTURES_OF_32_BITS.has(arch) ? 4 : 8;
  const words = wordsOf(readFileSync(path), wordBytes);
  for (let i = 0; i + 1 < words.length; i += 2) {
    const value = words[i + 1];
    if (words[i] === AT_PAGESZ && value !== undefined) return value;
  }
  return COMMON_PAGE_BYTES;
}

function wordsOf(bytes: Buffer, wordBytes: 4 | 8): number[] {
  const words: number[] = [];
  for (let at = 0; at + wordBytes <= bytes.length; at += wordBytes) {
    words.push(wordBytes === 8 ? Number(bytes.readBigUInt64LE(at)) : bytes.readUInt32LE(at));
  }
  return words;
}

export function roundUpToPages(sizeBytes: number, pageBytes: number): number {
  return Math.ceil(sizeBytes / pageBytes) * pageBytes;
}
