/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floor: what passes fds over a SEQPACKET socket and does nothing else, as one would write it in an afternoon. It speaks as
 * much of dmabufd's protocol as fd-client.c does, for one client at a time, whom it believes everything.
 *
 *     fd-server SOCKET
 */
#define _GNU_SOURCE
#include <sys/epoll.h>

#include "fd_common.h"

enum { MAX_BUFFERS = 1024 };

static int buffers[MAX_BUFFERS];
static unsigned buffer_count;

static void adopt(int client, const struct datagram* in, struct datagram* out) {
  if (in->fd_count != 1 || buffer_count == MAX_BUFFERS) exit(1);
  struct dmabufd_fd_buffer* buffer = (struct dmabufd_fd_buffer*)(out->bytes + sizeof out->header);
  *buffer = (struct dmabufd_fd_buffer){.buffer_id = buffer_count, .size_bytes = 4096};
  buffers[buffer_count++] = in->fds[0];
  out->fd_count = 0;
  frame(out, in->header.opcode | DMABUFD_FD_ANSWER, in->header.serial, sizeof *buffer);
  transmit(client, out);
}

static void fetch(int client, const struct datagram* in, struct datagram* out) {
  size_t count = (in->length - sizeof in->header) / sizeof(uint64_t);
  if (count > MAX_FDS) exit(1);
  const uint64_t* ids = (const uint64_t*)(in->bytes + sizeof in->header);
  struct dmabufd_fd_buffer* answer = (struct dmabufd_fd_buffer*)(out->bytes + sizeof out->header);
  for (size_t i = 0; i < count; i += 1) {
    if (ids[i] >= buffer_count) exit(1);
    out->fds[i] = buffers[ids[i]];
    answer[i] = (struct dmabufd_fd_buffer){.buffer_id = ids[i], .size_bytes = 4096};
  }
  out->fd_count = (int)count;
  frame(out, in->header.opcode | DMABUFD_FD_ANSWER, in->header.serial, count * sizeof *answer);
  transmit(client, out);
}

static void welcome(int client, struct datagram* out) {
  memset(out->bytes, 0, sizeof out->header + sizeof(struct dmabufd_fd_welcome));
  out->fd_count = 0;
  frame(out, DMABUFD_FD_WELCOME, 0, sizeof(struct dmabufd_fd_welcome));
  transmit(client, out);
}

static void leave(int client) {
  close(client);
  while (buffer_count > 0) close(buffers[--buffer_count]);
}

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  static struct datagram in, out;
  struct sockaddr_un address = address_of(argv[1]);
  int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (bind(listener, (struct sockaddr*)&address, sizeof address) || listen(listener, 8)) die(argv[1]);
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  struct epoll_event interest = {.events = EPOLLIN, .data.fd = listener};
  epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &interest);
  puts("ready");
  fflush(stdout);
  for (struct epoll_event event;;) {
    if (epoll_wait(epoll, &event, 1, -1) != 1) continue;
    int client = event.data.fd;
    if (client == listener) {
      client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
      if (client < 0) die("accept4");
      interest = (struct epoll_event){.events = EPOLLIN, .data.fd = client};
      epoll_ctl(epoll, EPOLL_CTL_ADD, client, &interest);
      welcome(client, &out);
    } else if (!receive(client, &in)) {
      leave(client);
    } else if (in.header.opcode == DMABUFD_FD_ADOPT) {
      adopt(client, &in, &out);
    } else {
      fetch(client, &in, &out);
    }
  }
}
