/*
 * Connects to both sockets by a process that ends at once, and has another live under its pid. The daemon is stopped meanwhile, so
 * that all this has happened when it looks. Then says what came of the two connections, which this process has kept.
 *
 *   pid_reuse DIRECTORY UID
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dmabufd_fd.h"

static void fail(const char *what) {
  perror(what);
  exit(1);
}

/* A child with just this pid, or with any if it is 0. It shares our descriptors. */
static pid_t fork_as(pid_t pid) {
  struct clone_args args = {.flags = CLONE_FILES, .exit_signal = SIGCHLD};
  if (pid != 0) {
    args.set_tid = (uintptr_t)&pid;
    args.set_tid_size = 1;
  }
  return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

static void connect_or_fail(int socket, const char *directory, const char *name) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", directory, name);
  if (connect(socket, (struct sockaddr *)&address, sizeof(address)) < 0) fail(name);
}

int main(int argc, char **argv) {
  if (argc != 3) return 2;
  const uid_t uid = (uid_t)atoi(argv[2]);
  int fd_socket = socket(AF_UNIX, SOCK_SEQPACKET, 0);
  int control = socket(AF_UNIX, SOCK_STREAM, 0);
  pid_t first = fork_as(0);
  if (first == 0) {
    if (setgid(uid) < 0 || setuid(uid) < 0) fail("setuid");
    connect_or_fail(fd_socket, argv[1], "fd.sock");
    connect_or_fail(control, argv[1], "control.sock");
    _exit(0);
  }
  int status = 0;
  if (first < 0 || waitpid(first, &status, 0) != first || status != 0) fail("the first process");
  pid_t second = fork_as(first);
  if (second < 0) fail("clone3 with the pid of the first");
  if (second == 0) {
    for (;;) pause();
  }
  printf("under way\n%d\n", first);
  fflush(stdout);

  char answer[DMABUFD_FD_MAX_DATAGRAM];
  struct dmabufd_fd_header header = {0};
  const ssize_t length = recv(fd_socket, answer, sizeof(answer), 0);
  if (length >= (ssize_t)sizeof(header)) memcpy(&header, answer, sizeof(header));
  printf("opcode %d, status %u\n", header.opcode, header.status);
  printf("control %zd\n", recv(control, answer, 1, 0) > 0 ? (ssize_t)1 : (ssize_t)0);
  fflush(stdout);
  kill(second, SIGKILL);
  return 0;
}
