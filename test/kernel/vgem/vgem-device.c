/*
 * Plays "a GPU driver" for the tests, through the kernel's virtual GEM device (vgem): it makes
 * buffers, takes in the buffers of others, and puts fences on both that last until it is told to
 * signal them (or for the ten seconds that vgem allows).
 *
 *     vgem-device PATH
 *
 * It listens at PATH (SOCK_SEQPACKET), prints "listening" and serves the one peer that connects. Each
 * datagram is one command in words, each answer one datagram; descriptors travel beside them as
 * SCM_RIGHTS. It ends when the peer closes.
 *
 *     create SIZE                 -> ok HANDLE SIZE    with the new dma-buf
 *     import       with a dma-buf -> ok HANDLE SIZE
 *     attach HANDLE read|write    -> ok FENCE
 *     signal FENCE                -> ok
 *     destroy HANDLE              -> ok
 *     anything that fails         -> error ERRNO_NAME text
 *
 * Who owns what: a handle keeps its buffer alive until it is destroyed or the process ends, the
 * dma-buf's descriptor belongs to the peer, and no copy of it stays here.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/*
 * The part of <drm/drm.h>, <drm/drm_mode.h> and <drm/vgem_drm.h> that is used here. Debian keeps them
 * in libdrm-dev, which nothing else in this project needs.
 */
struct drm_version {
  int version_major;
  int version_minor;
  int version_patchlevel;
  size_t name_len;
  char *name;
  size_t date_len;
  char *date;
  size_t desc_len;
  char *desc;
};

struct drm_gem_close {
  uint32_t handle;
  uint32_t pad;
};

struct drm_prime_handle {
  uint32_t handle;
  uint32_t flags;
  int32_t fd;
};

struct drm_mode_create_dumb {
  uint32_t height;
  uint32_t width;
  uint32_t bpp;
  uint32_t flags;
  uint32_t handle;
  uint32_t pitch;
  uint64_t size;
};

struct drm_vgem_fence_attach {
  uint32_t handle;
  uint32_t flags;
  uint32_t out_fence;
  uint32_t pad;
};

struct drm_vgem_fence_signal {
  uint32_t fence;
  uint32_t flags;
};

#define DRM_IOCTL_VERSION _IOWR('d', 0x00, struct drm_version)
#define DRM_IOCTL_GEM_CLOSE _IOW('d', 0x09, struct drm_gem_close)
#define DRM_IOCTL_PRIME_HANDLE_TO_FD _IOWR('d', 0x2d, struct drm_prime_handle)
#define DRM_IOCTL_PRIME_FD_TO_HANDLE _IOWR('d', 0x2e, struct drm_prime_handle)
#define DRM_IOCTL_MODE_CREATE_DUMB _IOWR('d', 0xb2, struct drm_mode_create_dumb)
#define DRM_IOCTL_VGEM_FENCE_ATTACH _IOWR('d', 0x41, struct drm_vgem_fence_attach)
#define DRM_IOCTL_VGEM_FENCE_SIGNAL _IOW('d', 0x42, struct drm_vgem_fence_signal)
#define DRM_CLOEXEC O_CLOEXEC
#define DRM_RDWR O_RDWR
#define VGEM_FENCE_WRITE 0x1

/* A row of a dumb buffer, as we ask for it: a page. */
#define ROW_BYTES 4096

/* One command as it came in, and what its handler answers with. */
struct exchange {
  int device;
  const char *argument[2]; /* "" where the command has fewer words */
  int received_fd;         /* -1 for none; the loop closes it */
  int sent_fd;             /* -1 for none; the loop closes it once it is sent */
  char reply[160];
};

static void answer(struct exchange *exchange, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void answer(struct exchange *exchange, const char *format, ...) {
  va_list values;
  va_start(values, format);
  vsnprintf(exchange->reply, sizeof exchange->reply, format, values);
  va_end(values);
}

static void answer_error(struct exchange *exchange, int error, const char *what) {
  const char *name = strerrorname_np(error);
  answer(exchange, "error %s %s: %s", name ? name : "EUNKNOWN", what, strerror(error));
}

static int retrying_ioctl(int fd, unsigned long request, void *argument) {
  int result;
  do {
    result = ioctl(fd, request, argument);
  } while (result == -1 && (errno == EINTR || errno == EAGAIN));
  return result;
}

/* Reads a whole word as a decimal number from 0 to `most`; -1 with EINVAL or ERANGE otherwise. */
static int parse_number(const char *word, uint64_t most, uint64_t *number) {
  if (*word < '0' || *word > '9') {
    errno = EINVAL;
    return -1;
  }
  char *end;
  errno = 0;
  unsigned long long value = strtoull(word, &end, 10);
  if (*end != '\0') {
    errno = EINVAL;
    return -1;
  }
  if (errno != 0 || value > most) {
    errno = ERANGE;
    return -1;
  }
  *number = value;
  return 0;
}

static void close_handle(int device, uint32_t handle) {
  struct drm_gem_close request = {.handle = handle};
  retrying_ioctl(device, DRM_IOCTL_GEM_CLOSE, &request);
}

static void create(struct exchange *exchange) {
  uint64_t size;
  if (parse_number(exchange->argument[0], (uint64_t)UINT32_MAX - ROW_BYTES, &size) == -1) {
    answer_error(exchange, errno, "SIZE");
    return;
  }
  struct drm_mode_create_dumb dumb = {
      .width = ROW_BYTES, .height = (uint32_t)((size + ROW_BYTES - 1) / ROW_BYTES), .bpp = 8};
  if (retrying_ioctl(exchange->device, DRM_IOCTL_MODE_CREATE_DUMB, &dumb) == -1) {
    answer_error(exchange, errno, "CREATE_DUMB");
    return;
  }
  struct drm_prime_handle prime = {.handle = dumb.handle, .flags = DRM_CLOEXEC | DRM_RDWR};
  if (retrying_ioctl(exchange->device, DRM_IOCTL_PRIME_HANDLE_TO_FD, &prime) == -1) {
    int error = errno;
    close_handle(exchange->device, dumb.handle);
    answer_error(exchange, error, "PRIME_HANDLE_TO_FD");
    return;
  }
  exchange->sent_fd = prime.fd;
  answer(exchange, "ok %" PRIu32 " %" PRIu64, dumb.handle, (uint64_t)dumb.size);
}

static void import(struct exchange *exchange) {
  if (exchange->received_fd == -1) {
    answer_error(exchange, EBADF, "a dma-buf must come with the command");
    return;
  }
  off_t size = lseek(exchange->received_fd, 0, SEEK_END);
  if (size == -1) {
    answer_error(exchange, errno, "lseek");
    return;
  }
  struct drm_prime_handle prime = {.fd = exchange->received_fd};
  if (retrying_ioctl(exchange->device, DRM_IOCTL_PRIME_FD_TO_HANDLE, &prime) == -1) {
    answer_error(exchange, errno, "PRIME_FD_TO_HANDLE");
    return;
  }
  answer(exchange, "ok %" PRIu32 " %" PRId64, prime.handle, (int64_t)size);
}

static void attach(struct exchange *exchange) {
  uint64_t handle;
  if (parse_number(exchange->argument[0], UINT32_MAX, &handle) == -1) {
    answer_error(exchange, errno, "HANDLE");
    return;
  }
  int is_write = strcmp(exchange->argument[1], "write") == 0;
  if (!is_write && strcmp(exchange->argument[1], "read") != 0) {
    answer_error(exchange, EINVAL, "the fence must be read or write");
    return;
  }
  struct drm_vgem_fence_attach request = {.handle = (uint32_t)handle,
                                          .flags = is_write ? VGEM_FENCE_WRITE : 0};
  if (retrying_ioctl(exchange->device, DRM_IOCTL_VGEM_FENCE_ATTACH, &request) == -1) {
    answer_error(exchange, errno, "VGEM_FENCE_ATTACH");
    return;
  }
  answer(exchange, "ok %" PRIu32, request.out_fence);
}

static void signal_fence(struct exchange *exchange) {
  uint64_t fence;
  if (parse_number(exchange->argument[0], UINT32_MAX, &fence) == -1) {
    answer_error(exchange, errno, "FENCE");
    return;
  }
  struct drm_vgem_fence_signal request = {.fence = (uint32_t)fence};
  if (retrying_ioctl(exchange->device, DRM_IOCTL_VGEM_FENCE_SIGNAL, &request) == -1) {
    answer_error(exchange, errno, "VGEM_FENCE_SIGNAL");
    return;
  }
  answer(exchange, "ok");
}

static void destroy(struct exchange *exchange) {
  uint64_t handle;
  if (parse_number(exchange->argument[0], UINT32_MAX, &handle) == -1) {
    answer_error(exchange, errno, "HANDLE");
    return;
  }
  struct drm_gem_close request = {.handle = (uint32_t)handle};
  if (retrying_ioctl(exchange->device, DRM_IOCTL_GEM_CLOSE, &request) == -1) {
    answer_error(exchange, errno, "GEM_CLOSE");
    return;
  }
  answer(exchange, "ok");
}

static const struct {
  const char *name;
  void (*handle)(struct exchange *exchange);
} commands[] = {
    {"create", create},       {"import", import},   {"attach", attach},
    {"signal", signal_fence}, {"destroy", destroy},
};

static void carry_out(struct exchange *exchange, char *text) {
  char *rest = NULL;
  const char *name = strtok_r(text, " \n", &rest);
  for (size_t i = 0; i < 2; i++) {
    const char *word = strtok_r(NULL, " \n", &rest);
    exchange->argument[i] = word ? word : "";
  }
  for (size_t i = 0; name && i < sizeof commands / sizeof *commands; i++) {
    if (strcmp(name, commands[i].name) == 0) {
      commands[i].handle(exchange);
      return;
    }
  }
  answer_error(exchange, EINVAL, "unknown command");
}

/* Opens the primary node of vgem: dumb buffers are not to be had from its render node. */
static int open_vgem(void) {
  DIR *directory = opendir("/dev/dri");
  if (!directory) {
    return -1;
  }
  int device = -1;
  struct dirent *entry;
  while (device == -1 && (entry = readdir(directory))) {
    if (strncmp(entry->d_name, "card", 4) != 0) {
      continue;
    }
    int fd = openat(dirfd(directory), entry->d_name, O_RDWR | O_CLOEXEC);
    if (fd == -1) {
      continue;
    }
    char name[16] = "";
    struct drm_version version = {.name = name, .name_len = sizeof name - 1};
    if (retrying_ioctl(fd, DRM_IOCTL_VERSION, &version) == 0 && strcmp(name, "vgem") == 0) {
      device = fd;
    } else {
      close(fd);
    }
  }
  closedir(directory);
  return device;
}

union control {
  struct cmsghdr header;
  char bytes[CMSG_SPACE(sizeof(int))];
};

/* Returns the length, 0 at the end of the conversation, -1 on error. *fd is -1 when none came. */
static ssize_t receive(int socket, char *text, size_t capacity, int *fd) {
  union control control;
  struct iovec part = {.iov_base = text, .iov_len = capacity - 1};
  struct msghdr message = {.msg_iov = &part,
                           .msg_iovlen = 1,
                           .msg_control = control.bytes,
                           .msg_controllen = sizeof control.bytes};
  ssize_t length;
  do {
    length = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  } while (length == -1 && errno == EINTR);
  *fd = -1;
  if (length == -1) {
    return -1;
  }
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS) {
    memcpy(fd, CMSG_DATA(header), sizeof *fd);
  }
  if (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
    if (*fd != -1) {
      close(*fd);
      *fd = -1;
    }
    errno = EMSGSIZE;
    return -1;
  }
  text[length] = '\0';
  return length;
}

static int send_reply(int socket, const struct exchange *exchange) {
  char text[sizeof exchange->reply];
  memcpy(text, exchange->reply, sizeof text);
  union control control = {.bytes = {0}};
  struct iovec part = {.iov_base = text, .iov_len = strlen(text)};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  if (exchange->sent_fd != -1) {
    message.msg_control = control.bytes;
    message.msg_controllen = sizeof control.bytes;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &exchange->sent_fd, sizeof(int));
  }
  ssize_t sent;
  do {
    sent = sendmsg(socket, &message, MSG_NOSIGNAL);
  } while (sent == -1 && errno == EINTR);
  return sent == -1 ? -1 : 0;
}

/* Returns the connection of the first peer, or -1 with errno. */
static int serve_at(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  strcpy(address.sun_path, path);
  int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (listener == -1 || bind(listener, (struct sockaddr *)&address, sizeof address) == -1 ||
      listen(listener, 1) == -1) {
    return -1;
  }
  puts("listening");
  fflush(stdout);
  int peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
  close(listener);
  return peer;
}

/* Answers one command. Returns 1 to go on, 0 when the peer is gone, -1 with errno. */
static int answer_one(int device, int peer) {
  char text[128];
  struct exchange exchange = {.device = device, .sent_fd = -1};
  ssize_t length = receive(peer, text, sizeof text, &exchange.received_fd);
  if (length <= 0) {
    return (int)length;
  }
  carry_out(&exchange, text);
  int failed = send_reply(peer, &exchange) == -1 ? errno : 0;
  if (exchange.sent_fd != -1) {
    close(exchange.sent_fd);
  }
  if (exchange.received_fd != -1) {
    close(exchange.received_fd);
  }
  errno = failed;
  return failed == EPIPE ? 0 : failed ? -1 : 1;
}

int main(int argc, char **argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: vgem-device PATH\n");
    return 2;
  }
  int device = open_vgem();
  if (device == -1) {
    fprintf(stderr, "vgem-device: no vgem under /dev/dri; load it with: modprobe vgem\n");
    return 1;
  }
  int peer = serve_at(argv[1]);
  int outcome = peer == -1 ? -1 : 1;
  while (outcome == 1) {
    outcome = answer_one(device, peer);
  }
  if (outcome == -1) {
    fprintf(stderr, "vgem-device: %s: %s\n", argv[1], strerror(errno));
  }
  return outcome == 0 ? 0 : 1;
}
