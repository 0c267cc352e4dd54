/**
 * The two names that a client chooses: the label of a buffer, which the kernel shows to people, and the name that a
 * grant is published under, which others open it by.
 */
import { DomainError } from './errors';

/** DMA_BUF_NAME_LEN of linux/dma-buf.h, without the NUL. */
export const MAX_LABEL_BYTES = 31;
export const MAX_PUBLISHED_NAME_LENGTH = 128;

const encoder = new TextEncoder();
const CONTROL_CHARACTER = /\p{Cc}/u;
const LONE_SURROGATE = /\p{Cs}/u;
const PUBLISHED_NAME = /^[a-z0-9._-]+(\/[a-z0-9._-]+)*$/;

/** Checks a buffer's label: at most 31 bytes of UTF-8 without control characters; may be empty. */
export function checkLabel(label: string): void {
  const sizeBytes = encoder.encode(label).length;
  if (sizeBytes > MAX_LABEL_BYTES) {
    throw new DomainError(
      'invalid-argument',
      `label is ${sizeBytes} bytes long; the kernel keeps at most ${MAX_LABEL_BYTES} bytes of UTF-8`,
    );
  }
  if (CONTROL_CHARACTER.test(label) || LONE_SURROGATE.test(label)) {
    throw new DomainError(
      'invalid-argument',
      `label ${JSON.stringify(label)} has a control character or is not valid Unicode`,
    );
  }
}

/** Checks a name to publish a grant under: `camera0/preview`. */
export function checkPublishedName(name: string): void {
  if (name.length > MAX_PUBLISHED_NAME_LENGTH) {
    throw new DomainError(
      'invalid-argument',
      `name is ${name.length} characters long; the limit is ${MAX_PUBLISHED_NAME_LENGTH}`,
    );
  }
  if (!PUBLISHED_NAME.test(name)) {
    throw new DomainError(
      'invalid-argument',
      `name ${JSON.stringify(name)} is not made of parts of a-z, 0-9, '.', '_' and '-' joined by '/'`,
    );
  }
}
