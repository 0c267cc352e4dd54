/**
 * Secrets on their way into and out of files. Never through argv, which every user of the machine can read.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { UsageError } from './exit-codes';

const SECRET_BYTES = 32;

/** Reads a secret, 64 hexadecimal digits, from a file; `-` is stdin. */
export function readSecret(file: string): Uint8Array {
  const text = readFileSync(file === '-' ? 0 : file, 'utf8').trim();
  if (!/^[0-9a-f]+$/i.test(text) || text.length !== 2 * SECRET_BYTES) {
    // The text itself may be a secret that is only misspelt.
    throw new UsageError(`--secret-file ${file}: holds no secret (${2 * SECRET_BYTES} hex digits)`);
  }
  return Buffer.from(text, 'hex');
}

/** Writes a secret to a new file that only its owner can read. */
export function writeSecret(file: string, secret: Uint8Array): void {
  writeFileSync(file, `${toHex(secret)}\n`, { mode: 0o600, flag: 'wx' });
}

export function toHex(secret: Uint8Array): string {
  return Buffer.from(secret).toString('hex');
}
