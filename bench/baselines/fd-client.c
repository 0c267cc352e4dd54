/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fetches fds over and over, from dmabufd or from fd-server.c, and tells how long it took.
 *
 *     fd-client SOCKET FDS IN_FLIGHT REQUESTS PAUSE_US
 *
 * FDS in each request, of as many buffers of its own; IN_FLIGHT requests before the first is answered; PAUSE_US between an answer and the
 * next request, so that what is slow for a part of the time is met for that part of the requests, and not once. Writes to stdout the nanoseconds
 * that all took as one uint64_t, then those of each request from sendmsg(2) to the answer as uint32_t.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/mman.h>
#include <time.h>

#include "fd_common.h"

enum { WARM_UP = 1000, MAX_IN_FLIGHT = 64 };

static uint64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static int join(const char* path) {
  struct sockaddr_un address = address_of(path);
  int server = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (connect(server, (struct sockaddr*)&address, sizeof address)) die(path);
  static struct datagram in;
  if (!receive(server, &in) || in.header.opcode != DMABUFD_FD_WELCOME) exit(1);
  return server;
}

static uint64_t adopted(int server) {
  static struct datagram out, in;
  int memory = memfd_create("bench", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (memory < 0 || ftruncate(memory, 4096) || fcntl(memory, F_ADD_SEALS, F_SEAL_SHRINK)) die("memfd");
  memset(out.bytes, 0, sizeof out.header + sizeof(struct dmabufd_fd_adopt));
  out.fd_count = 1;
  out.fds[0] = memory;
  frame(&out, DMABUFD_FD_ADOPT, 1, sizeof(struct dmabufd_fd_adopt));
  transmit(server, &out);
  close(memory);
  if (!receive(server, &in) || in.header.status != DMABUFD_FD_OK) {
    fprintf(stderr, "ADOPT: status %u\n", in.header.status);
    exit(1);
  }
  return ((struct dmabufd_fd_buffer*)(in.bytes + sizeof in.header))->buffer_id;
}

struct run {
  int server;
  unsigned fds, in_flight, pause_us;
  struct datagram request;
  uint64_t sent_at[MAX_IN_FLIGHT];
};

static void ask(struct run* run, uint32_t serial) {
  if (run->pause_us) usleep(run->pause_us);
  run->request.header.serial = serial;
  run->sent_at[serial % run->in_flight] = now();
  transmit(run->server, &run->request);
}

/* Answers come in the order of the requests. Returns how long all of them took. */
static uint64_t measure(struct run* run, uint32_t requests, uint32_t* each) {
  static struct datagram answer;
  uint64_t begun = now();
  uint32_t asked = 0;
  while (asked < run->in_flight && asked < requests) ask(run, asked++);
  for (uint32_t got = 0; got < requests; got += 1) {
    if (!receive(run->server, &answer) || answer.header.status != DMABUFD_FD_OK ||
        answer.fd_count != (int)run->fds || answer.header.serial != got) {
      fprintf(stderr, "answer %u: status %u, %d fds\n", got, answer.header.status, answer.fd_count);
      exit(1);
    }
    /* Until the fd has been let go of, as in the clients of the SDK and of D-Bus. */
    for (int i = 0; i < answer.fd_count; i += 1) close(answer.fds[i]);
    each[got] = (uint32_t)(now() - run->sent_at[got % run->in_flight]);
    if (asked < requests) ask(run, asked++);
  }
  return now() - begun;
}

int main(int argc, char** argv) {
  if (argc != 6) return 2;
  static struct run run;
  run.fds = (unsigned)atoi(argv[2]);
  run.in_flight = (unsigned)atoi(argv[3]);
  uint32_t requests = (uint32_t)atoi(argv[4]);
  run.pause_us = (unsigned)atoi(argv[5]);
  if (run.fds < 1 || run.fds > MAX_FDS || run.in_flight < 1 || run.in_flight > MAX_IN_FLIGHT) return 2;
  uint32_t* each = calloc(requests + WARM_UP, sizeof *each);
  if (!each) die("calloc");
  run.server = join(argv[1]);
  uint64_t* ids = (uint64_t*)(run.request.bytes + sizeof run.request.header);
  for (unsigned i = 0; i < run.fds; i += 1) ids[i] = adopted(run.server);
  frame(&run.request, DMABUFD_FD_FETCH, 0, run.fds * sizeof *ids);
  measure(&run, WARM_UP, each);
  uint64_t total = measure(&run, requests, each);
  if (fwrite(&total, sizeof total, 1, stdout) != 1 || fwrite(each, sizeof *each, requests, stdout) != requests) die("stdout");
  return 0;
}
