/*
 * Has clients killed at any moment: each connects to fd.sock, brings memfds of its own, fetches, releases, sends what is no
 * request, leaves answers unread, begins to speak on control.sock, in any order, and lives for no more than five milliseconds.
 *
 *   mortals DIRECTORY UID ROUNDS SEED
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "dmabufd_fd.h"

#define LONGEST_LIFE_US 5000
#define AT_ONCE 4

static const char *directory;

static int connected(int type, const char *name) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", directory, name);
  const int connection = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
  if (connection < 0 || connect(connection, (struct sockaddr *)&address, sizeof(address)) < 0) _exit(1);
  return connection;
}

static int sealed_memfd(void) {
  const int fd = memfd_create("mortal", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0 || ftruncate(fd, 4096) < 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK) < 0) _exit(1);
  return fd;
}

static void send_request(int connection, uint16_t opcode, const void *payload, size_t length, int fd, int fds) {
  char bytes[512];
  struct dmabufd_fd_header header = {.opcode = opcode, .serial = 1};
  header.fd_count = (uint16_t)fds;
  header.length = (uint32_t)(sizeof(header) + length);
  memcpy(bytes, &header, sizeof(header));
  memcpy(bytes + sizeof(header), payload, length);
  char control[CMSG_SPACE(sizeof(int) * 8)] = {0};
  struct iovec data = {bytes, header.length};
  struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};
  if (fds > 0) {
    message.msg_control = control;
    message.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)fds);
    struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)fds);
    for (int i = 0; i < fds; i++) memcpy(CMSG_DATA(rights) + sizeof(int) * (size_t)i, &fd, sizeof(int));
  }
  sendmsg(connection, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Answers the id of the buffer if this was the answer to an ADOPT. */
static uint64_t receive(int connection) {
  char bytes[DMABUFD_FD_MAX_DATAGRAM];
  struct dmabufd_fd_buffer buffer = {0};
  const ssize_t length = recv(connection, bytes, sizeof(bytes), MSG_DONTWAIT);
  if (length == (ssize_t)(sizeof(struct dmabufd_fd_header) + sizeof(buffer))) {
    memcpy(&buffer, bytes + sizeof(struct dmabufd_fd_header), sizeof(buffer));
  }
  return buffer.buffer_id;
}

static void live(unsigned seed) {
  srand(seed);
  const char label[32] = "mortal";
  char bytes[DMABUFD_FD_MAX_DATAGRAM];
  const int connection = connected(SOCK_SEQPACKET, "fd.sock");
  if (rand() % 8 != 0) recv(connection, bytes, sizeof(bytes), 0);
  uint64_t buffer = 1;
  for (;;) {
    const int fd = sealed_memfd();
    switch (rand() % 8) {
      case 0:
      case 1:
      case 2:
        send_request(connection, DMABUFD_FD_ADOPT, label, sizeof(label), fd, 1);
        break;
      case 3:
        send_request(connection, DMABUFD_FD_FETCH, &buffer, sizeof(buffer), -1, 0);
        break;
      case 4:
        send_request(connection, DMABUFD_FD_RELEASE, &buffer, sizeof(buffer), -1, 0);
        break;
      case 5:
        if (rand() % 4 == 0) send_request(connection, DMABUFD_FD_FETCH, &buffer, sizeof(buffer), fd, 8);
        break;
      case 6: {
        const int control = connected(SOCK_STREAM, "control.sock");
        const char *preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";
        send(control, preface, (size_t)(rand() % 34), MSG_NOSIGNAL);
        close(control);
        break;
      }
      default: {
        const uint64_t received = receive(connection);
        if (received != 0) buffer = received;
      }
    }
    close(fd);
  }
}

static pid_t born(unsigned seed) {
  const pid_t pid = fork();
  if (pid == 0) live(seed);
  if (pid < 0) exit(1);
  return pid;
}

int main(int argc, char **argv) {
  if (argc != 5) return 2;
  directory = argv[1];
  const uid_t uid = (uid_t)atoi(argv[2]);
  const int rounds = atoi(argv[3]);
  const unsigned seed = (unsigned)strtoul(argv[4], NULL, 10);
  if (setgid(uid) < 0 || setuid(uid) < 0) return 1;
  printf("under way\n");
  fflush(stdout);
  srand(seed);
  for (int round = 0; round < rounds; round += AT_ONCE) {
    pid_t pids[AT_ONCE];
    for (int i = 0; i < AT_ONCE; i++) pids[i] = born(seed + (unsigned)(round + i));
    for (int i = 0; i < AT_ONCE; i++) {
      const struct timespec life = {0, rand() % LONGEST_LIFE_US * 1000L};
      nanosleep(&life, NULL);
      kill(pids[i], SIGKILL);
      int status = 0;
      waitpid(pids[i], &status, 0);
      /* Refused with GOODBYE it goes on, to no effect; it never ends by itself but for want of a daemon. */
      if (!WIFSIGNALED(status)) return 1;
    }
  }
  printf("%d\n", rounds);
  return 0;
}
