/* Answers DMA_BUF_IOCTL_SYNC by script, for a library that is preloaded: $SYNC_SCRIPT is a word for each call, EINTR, EAGAIN, EIO or
 * OK. What is asked goes to standard error, a line for each. Other ioctls are the kernel's. */
#include <dlfcn.h>
#include <errno.h>
#include <linux/dma-buf.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *position;

static int scripted(const struct dma_buf_sync *sync) {
  if (position == NULL) position = getenv("SYNC_SCRIPT");
  const size_t length = strcspn(position, " ");
  dprintf(2, "%llu %.*s\n", (unsigned long long)sync->flags, (int)length, position);
  errno = strncmp(position, "EINTR", length) == 0    ? EINTR
          : strncmp(position, "EAGAIN", length) == 0 ? EAGAIN
          : strncmp(position, "EIO", length) == 0    ? EIO
                                                     : 0;
  position += length + (position[length] == ' ');
  return errno == 0 ? 0 : -1;
}

int ioctl(int fd, unsigned long request, ...) {
  va_list arguments;
  va_start(arguments, request);
  void *argument = va_arg(arguments, void *);
  va_end(arguments);
  if (request == DMA_BUF_IOCTL_SYNC) return scripted(argument);
  int (*kernels)(int, unsigned long, ...) = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
  return kernels(fd, request, argument);
}
