/*
 * A client of fd.sock in C, as small as one can be: connects, reads WELCOME, ADOPTs a sealed memfd, FETCHes it back, and
 * checks that it is the same file and closed on exec. Usage: client PATH-OF-FD.SOCK
 */
#define _GNU_SOURCE
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "dmabufd_fd.h"

static void require(int ok, const char *what) {
  if (ok) return;
  fprintf(stderr, "%s: %s\n", what, strerror(errno));
  exit(1);
}

/* Sends a header, a payload and, if fd >= 0, an fd. */
static void send_request(int sock, uint16_t opcode, const void *payload, size_t length, int fd) {
  struct dmabufd_fd_header header = {0};
  struct iovec parts[] = {{&header, sizeof header}, {(void *)payload, length}};
  union { struct cmsghdr align; char space[CMSG_SPACE(sizeof(int))]; } control = {0};
  struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
  header.opcode = htole16(opcode);
  header.fd_count = htole16(fd >= 0);
  header.length = htole32(sizeof header + length);
  header.serial = htole32(opcode);
  if (fd >= 0) {
    control.align = (struct cmsghdr){CMSG_LEN(sizeof fd), SOL_SOCKET, SCM_RIGHTS};
    memcpy(CMSG_DATA(&control.align), &fd, sizeof fd);
    message.msg_control = &control;
    message.msg_controllen = sizeof control.space;
  }
  require(sendmsg(sock, &message, MSG_NOSIGNAL) >= 0, "sendmsg");
}

/* Receives a datagram with this opcode; returns its fd or -1. */
static int receive(int sock, uint16_t opcode, void *payload, size_t length) {
  struct dmabufd_fd_header header;
  struct iovec parts[] = {{&header, sizeof header}, {payload, length}};
  union { struct cmsghdr align; char space[CMSG_SPACE(sizeof(int))]; } control;
  struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2,
                           .msg_control = &control, .msg_controllen = sizeof control.space};
  ssize_t received = recvmsg(sock, &message, MSG_CMSG_CLOEXEC);
  int fd = -1;
  require(received >= (ssize_t)sizeof header, "recvmsg");
  require((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0, "a whole datagram");
  require(le16toh(header.opcode) == opcode, "the opcode");
  require(le32toh(header.status) == DMABUFD_FD_OK, "the status");
  if (CMSG_FIRSTHDR(&message) != NULL) memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
  return fd;
}

int main(int argc, char **argv) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  struct dmabufd_fd_welcome welcome;
  struct dmabufd_fd_adopt adopt = {.label = "from C"};
  struct dmabufd_fd_buffer buffer;
  struct stat mine, fetched;
  int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  int memfd = memfd_create("from C", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  int fd;

  require(argc == 2 && strlen(argv[1]) < sizeof address.sun_path, "usage: client PATH");
  strcpy(address.sun_path, argv[1]);
  require(connect(sock, (struct sockaddr *)&address, sizeof address) == 0, "connect");
  receive(sock, DMABUFD_FD_WELCOME, &welcome, sizeof welcome);
  require(le32toh(welcome.version) == DMABUFD_FD_VERSION, "the version");

  require(ftruncate(memfd, 12288) == 0, "ftruncate");
  require(fcntl(memfd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0, "F_ADD_SEALS");
  send_request(sock, DMABUFD_FD_ADOPT, &adopt, sizeof adopt, memfd);
  receive(sock, DMABUFD_FD_ADOPT | DMABUFD_FD_ANSWER, &buffer, sizeof buffer);
  require(le64toh(buffer.size_bytes) == 12288, "the size");
  require(le32toh(buffer.flags) == (DMABUFD_FD_READ | DMABUFD_FD_WRITE), "the flags");

  send_request(sock, DMABUFD_FD_FETCH, &buffer.buffer_id, sizeof buffer.buffer_id, -1);
  fd = receive(sock, DMABUFD_FD_FETCH | DMABUFD_FD_ANSWER, &buffer, sizeof buffer);
  require(fd >= 0 && fd != memfd, "an fd");
  require(fstat(memfd, &mine) == 0 && fstat(fd, &fetched) == 0, "fstat");
  require(mine.st_ino == fetched.st_ino && mine.st_dev == fetched.st_dev, "the same file");
  require((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0, "FD_CLOEXEC");
  printf("session %llu, buffer %llu\n", (unsigned long long)le64toh(welcome.session_id),
         (unsigned long long)le64toh(buffer.buffer_id));
  return 0;
}
