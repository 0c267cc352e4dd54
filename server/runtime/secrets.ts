/** Secrets of 32 random bytes, stored only as their SHA-256: they are too long to be guessed from it. */
import { createHash, randomBytes } from 'node:crypto';
import type { Secrets } from '../domain/ports';

export const SECRET_BYTES = 32;

function digest(secret: Uint8Array): string {
  return createHash('sha256').update(secret).digest('base64');
}

export const randomSecrets: Secrets = {
  make() {
    const secret = randomBytes(SECRET_BYTES);
    return { secret, digest: digest(secret) };
  },
  digest,
};
