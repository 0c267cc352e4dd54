/* SPDX-License-Identifier: Apache-2.0 */
/* What the bare server and the client share: datagrams with fds, and the end of a program that something failed for. */
#ifndef DMABUFD_BENCH_FD_COMMON_H
#define DMABUFD_BENCH_FD_COMMON_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../../proto/dmabufd_fd.h"

enum { MAX_FDS = 64, MAX_BYTES = DMABUFD_FD_MAX_DATAGRAM };

struct datagram {
  size_t length;
  int fd_count;
  int fds[MAX_FDS];
  union {
    struct dmabufd_fd_header header;
    uint8_t bytes[MAX_BYTES];
  };
};

static inline void die(const char* what) {
  perror(what);
  exit(1);
}

/* Zero at the end of the connection. */
static inline int receive(int socket, struct datagram* in) {
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int) * MAX_FDS)];
  } control;
  struct iovec iov = {.iov_base = in->bytes, .iov_len = sizeof in->bytes};
  struct msghdr message = {.msg_iov = &iov,
                           .msg_iovlen = 1,
                           .msg_control = control.bytes,
                           .msg_controllen = sizeof control.bytes};
  ssize_t length = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  if (length < 0 && errno != ECONNRESET) die("recvmsg");
  if (length <= 0) return 0;
  in->length = (size_t)length;
  in->fd_count = 0;
  for (struct cmsghdr* each = CMSG_FIRSTHDR(&message); each; each = CMSG_NXTHDR(&message, each)) {
    if (each->cmsg_level != SOL_SOCKET || each->cmsg_type != SCM_RIGHTS) continue;
    in->fd_count = (int)((each->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    memcpy(in->fds, CMSG_DATA(each), sizeof(int) * (size_t)in->fd_count);
  }
  return 1;
}

static inline void transmit(int socket, const struct datagram* out) {
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int) * MAX_FDS)];
  } control;
  struct iovec iov = {.iov_base = (void*)out->bytes, .iov_len = out->length};
  struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
  if (out->fd_count > 0) {
    size_t bytes = sizeof(int) * (size_t)out->fd_count;
    message.msg_control = control.bytes;
    message.msg_controllen = CMSG_SPACE(bytes);
    struct cmsghdr* rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(bytes);
    memcpy(CMSG_DATA(rights), out->fds, bytes);
  }
  if (sendmsg(socket, &message, MSG_NOSIGNAL) < 0) die("sendmsg");
}

static inline struct sockaddr_un address_of(const char* path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    die(path);
  }
  strcpy(address.sun_path, path);
  return address;
}

static inline void frame(struct datagram* out, uint16_t opcode, uint32_t serial, size_t payload) {
  out->length = sizeof out->header + payload;
  out->header = (struct dmabufd_fd_header){
      .opcode = opcode, .fd_count = (uint16_t)out->fd_count, .length = (uint32_t)out->length, .serial = serial};
}

#endif
