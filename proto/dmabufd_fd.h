/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The protocol of dmabufd's fd.sock. FD_PROTOCOL.md beside this file explains it; this header is what
 * the daemon itself is built with, and all that a client in C or C++ needs.
 *
 * Every datagram is one dmabufd_fd_header and a payload, all integers little-endian, with as many file
 * descriptors (SCM_RIGHTS) as the header's fd_count says. The structs below are laid out without padding.
 */
#ifndef DMABUFD_FD_H
#define DMABUFD_FD_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version of this protocol, which WELCOME announces. */
#define DMABUFD_FD_VERSION 1

/* The most fds in one datagram: the kernel's SCM_MAX_FD (net/scm.h). */
#define DMABUFD_FD_MAX_FDS 253
/* The most bytes in one datagram, header included. A larger one breaks the protocol. */
#define DMABUFD_FD_MAX_DATAGRAM 8192
/* The most requests that the daemon takes in from one client before it has answered the first of them. A
 * client that sends more waits in its own sendmsg(2). */
#define DMABUFD_FD_MAX_PENDING 64

#define DMABUFD_FD_TOKEN_BYTES 32
/* A label with its terminating NUL: DMA_BUF_NAME_LEN of linux/dma-buf.h. */
#define DMABUFD_FD_LABEL_BYTES 32

/* Set in the opcode of an answer. */
#define DMABUFD_FD_ANSWER 0x8000

enum dmabufd_fd_opcode {
  /* Daemon to client, unasked, first: struct dmabufd_fd_welcome. */
  DMABUFD_FD_WELCOME = 1,
  /* Daemon to client, unasked, last: status, and the reason as UTF-8 text. The connection is closed. */
  DMABUFD_FD_GOODBYE = 2,
  /* uint64_t buffer_id[1..253]. Answer: struct dmabufd_fd_buffer for each, and an fd for each. */
  DMABUFD_FD_FETCH = 3,
  /* struct dmabufd_fd_adopt and one fd. Answer: struct dmabufd_fd_buffer. */
  DMABUFD_FD_ADOPT = 4,
  /* uint64_t buffer_id[1..253]. Ends the session's leases on them, all or none. Answer: empty. */
  DMABUFD_FD_RELEASE = 5,
  /* struct dmabufd_fd_fence. Answer: empty, and one fd, a sync_file. */
  DMABUFD_FD_EXPORT_FENCE = 6,
  /* struct dmabufd_fd_fence and one fd, a sync_file. Answer: empty. */
  DMABUFD_FD_IMPORT_FENCE = 7,
  /* Daemon to client, unasked: uint64_t buffer_id. The session's lease on it was revoked, and an access has ended. */
  DMABUFD_FD_REVOKED = 8,
  /* Daemon to client, unasked: struct dmabufd_fd_restarted. The daemon has been started again and has kept the session. What
   * was not answered will not be: send it again. */
  DMABUFD_FD_RESTARTED = 9,
};

/* The numbers are those of gRPC's status codes. An answer with another status than OK carries no fd, and
 * as its payload the reason as UTF-8 text (not terminated) for a person to read. */
enum dmabufd_fd_status {
  DMABUFD_FD_OK = 0,
  /* Something in the request is wrong, whatever the state: a label, a flag, an fd that is no dma-buf. */
  DMABUFD_FD_INVALID_ARGUMENT = 3,
  /* There is no such buffer, or the session holds no lease on it. */
  DMABUFD_FD_NOT_FOUND = 5,
  DMABUFD_FD_PERMISSION_DENIED = 7,
  /* A quota, or a limit of the daemon or the kernel, is reached. */
  DMABUFD_FD_RESOURCE_EXHAUSTED = 8,
  /* Not in this state. In GOODBYE: the client broke the protocol. */
  DMABUFD_FD_FAILED_PRECONDITION = 9,
  /* This kernel or this kind of buffer cannot do it. */
  DMABUFD_FD_UNIMPLEMENTED = 12,
  DMABUFD_FD_INTERNAL = 13,
  /* In GOODBYE: the daemon stops. */
  DMABUFD_FD_UNAVAILABLE = 14,
  /* In GOODBYE: the process that connected had ended before it could be identified. */
  DMABUFD_FD_UNAUTHENTICATED = 16,
};

/* Directions and rights: the values of DMA_BUF_SYNC_READ and DMA_BUF_SYNC_WRITE (linux/dma-buf.h). */
#define DMABUFD_FD_READ 1u
#define DMABUFD_FD_WRITE 2u
/* In dmabufd_fd_buffer.flags: the buffer is a dma-buf (otherwise a sealed memfd). */
#define DMABUFD_FD_IS_DMA_BUF 4u

struct dmabufd_fd_header {
  uint16_t opcode;   /* enum dmabufd_fd_opcode, with DMABUFD_FD_ANSWER in answers */
  uint16_t fd_count; /* how many fds this datagram carries */
  uint32_t length;   /* bytes of this datagram, header included */
  uint32_t serial;   /* chosen by the client, repeated in the answer; 0 in what comes unasked */
  uint32_t status;   /* enum dmabufd_fd_status in answers and GOODBYE; 0 elsewhere */
};

struct dmabufd_fd_welcome {
  uint32_t version; /* DMABUFD_FD_VERSION */
  uint32_t reserved;
  uint64_t session_id;
  uint8_t token[DMABUFD_FD_TOKEN_BYTES]; /* for the gRPC metadata key "dmabufd-session-bin" */
};

struct dmabufd_fd_restarted {
  uint32_t version; /* DMABUFD_FD_VERSION of the daemon that there is now */
  uint32_t reserved;
};

struct dmabufd_fd_buffer {
  uint64_t buffer_id;
  uint64_t size_bytes; /* as the kernel says; 0 if it does not tell */
  uint32_t flags;      /* what the lease allows, and whether it is a dma-buf */
  uint32_t reserved;
};

struct dmabufd_fd_adopt {
  char label[DMABUFD_FD_LABEL_BYTES]; /* UTF-8, the rest filled with NUL, at least one; may be empty */
};

struct dmabufd_fd_fence {
  uint64_t buffer_id;
  uint32_t flags; /* DMABUFD_FD_READ, DMABUFD_FD_WRITE or both, as the ioctls of dma-buf.h take them */
  uint32_t reserved; /* 0 */
};

#ifdef __cplusplus
}
static_assert(sizeof(dmabufd_fd_header) == 16, "no padding");
static_assert(sizeof(dmabufd_fd_welcome) == 48, "no padding");
static_assert(sizeof(dmabufd_fd_restarted) == 8, "no padding");
static_assert(sizeof(dmabufd_fd_buffer) == 24, "no padding");
static_assert(sizeof(dmabufd_fd_adopt) == 32, "no padding");
static_assert(sizeof(dmabufd_fd_fence) == 16, "no padding");
#endif

#endif
