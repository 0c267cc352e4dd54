#include "kernel/dma_buf.h"

#include <linux/dma-buf.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "kernel/interrupts.h"
#include "kernel/system_error.h"

// Linux 6.0's additions, for headers that are older than the kernel that runs.
#ifndef DMA_BUF_IOCTL_EXPORT_SYNC_FILE
struct dma_buf_export_sync_file {
  __u32 flags;
  __s32 fd;
};
struct dma_buf_import_sync_file {
  __u32 flags;
  __s32 fd;
};
#define DMA_BUF_IOCTL_EXPORT_SYNC_FILE _IOWR(DMA_BUF_BASE, 2, struct dma_buf_export_sync_file)
#define DMA_BUF_IOCTL_IMPORT_SYNC_FILE _IOW(DMA_BUF_BASE, 3, struct dma_buf_import_sync_file)
#endif

namespace dmabufd {

uint64_t size_by_lseek(int fd) {
  const off_t size = check(::lseek(fd, 0, SEEK_END), "lseek");
  check(::lseek(fd, 0, SEEK_SET), "lseek");
  return static_cast<uint64_t>(size);
}

uint64_t size_by_stat(int fd) {
  struct stat found {};
  check(::fstat(fd, &found), "fstat");
  return static_cast<uint64_t>(found.st_size);
}

int64_t seek(int fd, int64_t offset, int whence) {
  return check(::lseek(fd, offset, whence), "lseek");
}

void sync_dma_buf(int fd, uint64_t flags) {
  dma_buf_sync request{};
  request.flags = flags;
  int result = ::ioctl(fd, DMA_BUF_IOCTL_SYNC, &request);
  while (result < 0 && (errno == EINTR || errno == EAGAIN)) {
    result = ::ioctl(fd, DMA_BUF_IOCTL_SYNC, &request);
  }
  check(result, "ioctl(DMA_BUF_IOCTL_SYNC)");
}

bool begin_sync(int fd, uint64_t direction) {
  const short idle = (direction & DMA_BUF_SYNC_WRITE) != 0 ? POLLOUT : POLLIN;
  if ((poll_now(fd, idle) & idle) == 0) return false;
  const Interrupts interrupts;
  dma_buf_sync request{};
  request.flags = direction | DMA_BUF_SYNC_START;
  int result = ::ioctl(fd, DMA_BUF_IOCTL_SYNC, &request);
  while (result < 0 && errno == EAGAIN) result = ::ioctl(fd, DMA_BUF_IOCTL_SYNC, &request);
  if (result < 0 && errno == EINTR) return false;
  check(result, "ioctl(DMA_BUF_IOCTL_SYNC)");
  return true;
}

UniqueFd export_sync_file(int fd, uint32_t flags) {
  dma_buf_export_sync_file request{};
  request.flags = flags;
  request.fd = -1;
  check(retry_interrupted([&] { return ::ioctl(fd, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &request); }),
        "ioctl(DMA_BUF_IOCTL_EXPORT_SYNC_FILE)");
  return UniqueFd(request.fd);
}

void import_sync_file(int fd, uint32_t flags, int sync_file) {
  dma_buf_import_sync_file request{};
  request.flags = flags;
  request.fd = sync_file;
  check(retry_interrupted([&] { return ::ioctl(fd, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &request); }),
        "ioctl(DMA_BUF_IOCTL_IMPORT_SYNC_FILE)");
}

void set_dma_buf_name(int fd, const std::string& name) {
  check(::ioctl(fd, DMA_BUF_SET_NAME, name.c_str()), "ioctl(DMA_BUF_SET_NAME)");
}

short poll_now(int fd, short events) {
  pollfd request{fd, events, 0};
  check(retry_interrupted([&] { return ::poll(&request, 1, 0); }), "poll");
  return request.revents;
}

}  // namespace dmabufd
