/*
 * Single system calls as they are, for rules that a well-behaved program never meets: it asks the kernel for what
 * dmabufd would not ask for, and prints the answer as "ok ..." or as the name of the errno.
 *
 *     kernel-call heap PATH LEN FD FD_FLAGS HEAP_FLAGS     DMA_HEAP_IOCTL_ALLOC     ok ACCMODE CLOEXEC SIZE
 *     kernel-call udmabuf SEALS MEMFD_SIZE OFFSET SIZE FLAGS  UDMABUF_CREATE        ok ACCMODE CLOEXEC SIZE
 *     kernel-call mmap PATH FD_FLAGS PROT FLAGS            mmap of a new heap buffer    ok
 *     kernel-call mmap-udmabuf PROT FLAGS                  mmap of a new udmabuf        ok
 *     kernel-call widen PATH dup|fcntl|reopen              O_RDWR out of an O_RDONLY heap buffer   ok ACCMODE
 *     kernel-call widen-memfd                              O_RDWR out of an O_RDONLY memfd         ok ACCMODE
 *     kernel-call zeroed PATH LEN                          every byte of a new heap buffer is 0    ok
 *     kernel-call interrupted-start FLAGS                  SYNC START on fd 3, a signal 50 ms later      ok
 *
 * Numbers are in any base that strtoull(3) knows.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <linux/dma-heap.h>
#include <linux/udmabuf.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

static const size_t page = 4096;

static uint64_t number(const char *text) { return strtoull(text, NULL, 0); }

/* Ends the program with the answer that the last call had. */
static void answer_errno(void) {
  printf("%s\n", strerrorname_np(errno));
  exit(0);
}

static int must(int result, const char *what) {
  if (result >= 0) return result;
  fprintf(stderr, "kernel-call: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void answer_fd(int fd) {
  int mode = must(fcntl(fd, F_GETFL), "F_GETFL") & O_ACCMODE;
  int cloexec = must(fcntl(fd, F_GETFD), "F_GETFD") & FD_CLOEXEC;
  printf("ok %s %s %lld\n", mode == O_RDWR ? "O_RDWR" : mode == O_RDONLY ? "O_RDONLY" : "O_WRONLY",
         cloexec ? "CLOEXEC" : "-", (long long)lseek(fd, 0, SEEK_END));
}

static int allocate(const char *path, uint64_t len, uint32_t fd, uint32_t fd_flags, uint64_t heap_flags) {
  int heap = must(open(path, O_RDONLY | O_CLOEXEC), path);
  struct dma_heap_allocation_data data = {
      .len = len, .fd = fd, .fd_flags = fd_flags, .heap_flags = heap_flags};
  if (ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &data) < 0) answer_errno();
  return (int)data.fd;
}

static int create_udmabuf(int seals, uint64_t memfd_size, uint64_t offset, uint64_t size, uint32_t flags) {
  int device = must(open("/dev/udmabuf", O_RDWR | O_CLOEXEC), "/dev/udmabuf");
  int memfd = must(memfd_create("kernel-call", MFD_CLOEXEC | MFD_ALLOW_SEALING), "memfd_create");
  must(ftruncate(memfd, (off_t)memfd_size), "ftruncate");
  if (seals != 0) must(fcntl(memfd, F_ADD_SEALS, seals), "F_ADD_SEALS");
  struct udmabuf_create data = {.memfd = (uint32_t)memfd, .flags = flags, .offset = offset, .size = size};
  int fd = ioctl(device, UDMABUF_CREATE, &data);
  if (fd < 0) answer_errno();
  return fd;
}

static void answer_mmap(int fd, size_t length, int protection, int flags) {
  if (mmap(NULL, length, protection, flags, fd, 0) == MAP_FAILED) answer_errno();
  printf("ok\n");
}

static int reopen_for_writing(int fd) {
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  return open(path, O_RDWR | O_CLOEXEC);
}

static int widened(int fd, const char *how) {
  if (strcmp(how, "dup") == 0) return fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (strcmp(how, "fcntl") == 0) return fcntl(fd, F_SETFL, O_RDWR) < 0 ? -1 : fd;
  return reopen_for_writing(fd);
}

static void answer_widened(int fd, const char *how) {
  int wide = widened(fd, how);
  if (wide < 0) answer_errno();
  answer_fd(wide);
}

static void answer_zeroed(int fd, size_t length) {
  const unsigned char *bytes = mmap(NULL, length, PROT_READ, MAP_SHARED, fd, 0);
  if (bytes == MAP_FAILED) answer_errno();
  for (size_t i = 0; i < length; i++) {
    if (bytes[i] != 0) {
      printf("byte %zu is %u\n", i, bytes[i]);
      return;
    }
  }
  printf("ok\n");
}

static void interrupt(int signal) { (void)signal; }

static void start_interrupted(uint64_t direction) {
  const struct sigaction action = {.sa_handler = interrupt}; /* without SA_RESTART */
  const struct itimerval soon = {.it_value = {.tv_usec = 50000}};
  must(sigaction(SIGALRM, &action, NULL), "sigaction");
  must(setitimer(ITIMER_REAL, &soon, NULL), "setitimer");
  struct dma_buf_sync sync = {.flags = direction | DMA_BUF_SYNC_START};
  if (ioctl(3, DMA_BUF_IOCTL_SYNC, &sync) < 0) answer_errno();
  printf("ok\n");
}

int main(int argc, char **argv) {
  const char *call = argc > 1 ? argv[1] : "";
  char **arg = argv + 2;
  if (strcmp(call, "heap") == 0 && argc == 7) {
    answer_fd(allocate(arg[0], number(arg[1]), (uint32_t)number(arg[2]), (uint32_t)number(arg[3]), number(arg[4])));
  } else if (strcmp(call, "udmabuf") == 0 && argc == 7) {
    answer_fd(create_udmabuf((int)number(arg[0]), number(arg[1]), number(arg[2]), number(arg[3]),
                             (uint32_t)number(arg[4])));
  } else if (strcmp(call, "mmap") == 0 && argc == 6) {
    answer_mmap(allocate(arg[0], page, 0, (uint32_t)number(arg[1]), 0), page, (int)number(arg[2]),
                (int)number(arg[3]));
  } else if (strcmp(call, "mmap-udmabuf") == 0 && argc == 4) {
    answer_mmap(create_udmabuf(F_SEAL_SHRINK, page, 0, page, UDMABUF_FLAGS_CLOEXEC), page, (int)number(arg[0]),
                (int)number(arg[1]));
  } else if (strcmp(call, "widen") == 0 && argc == 4) {
    answer_widened(allocate(arg[0], page, 0, O_RDONLY | O_CLOEXEC, 0), arg[1]);
  } else if (strcmp(call, "widen-memfd") == 0 && argc == 2) {
    int memfd = must(memfd_create("kernel-call", MFD_CLOEXEC), "memfd_create");
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", memfd);
    answer_widened(must(open(path, O_RDONLY | O_CLOEXEC), path), "reopen");
  } else if (strcmp(call, "interrupted-start") == 0 && argc == 3) {
    start_interrupted(number(argv[2]));
  } else if (strcmp(call, "zeroed") == 0 && argc == 4) {
    answer_zeroed(allocate(arg[0], number(arg[1]), 0, O_RDWR | O_CLOEXEC, 0), number(arg[1]));
  } else {
    fprintf(stderr, "kernel-call: see the comment at the top of kernel-call.c\n");
    return 2;
  }
  return 0;
}
