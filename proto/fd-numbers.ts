/** The numbers of dmabufd_fd.h, for both ends in TypeScript. A test holds them against the header. */

/** enum dmabufd_fd_opcode. */
export const Opcode = {
  WELCOME: 1,
  GOODBYE: 2,
  FETCH: 3,
  ADOPT: 4,
  RELEASE: 5,
  EXPORT_FENCE: 6,
  IMPORT_FENCE: 7,
  REVOKED: 8,
  RESTARTED: 9,
} as const;

/** Set in the opcode of an answer. */
export const ANSWER = 0x8000;

export const VERSION = 1;
/** The most fds, and so the most buffer ids, in one datagram. */
export const MAX_FDS = 253;
export const MAX_DATAGRAM_BYTES = 8192;

/** sizeof the structs. */
export const HEADER_BYTES = 16;
export const WELCOME_BYTES = 48;
export const RESTARTED_BYTES = 8;
export const BUFFER_BYTES = 24;
export const FENCE_BYTES = 16;

export const TOKEN_BYTES = 32;
/** A label with its terminating NUL. */
export const LABEL_BYTES = 32;

/** Directions and rights; the third only in struct dmabufd_fd_buffer. */
export const Flag = { READ: 1, WRITE: 2, IS_DMA_BUF: 4 } as const;
