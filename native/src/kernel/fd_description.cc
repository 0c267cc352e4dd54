#include "kernel/fd_description.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/sync_file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "kernel/system_error.h"

#ifndef DMA_BUF_MAGIC
#define DMA_BUF_MAGIC 0x444d4142 /* linux/magic.h: "DMAB" */
#endif
#ifndef ANON_INODE_FS_MAGIC
#define ANON_INODE_FS_MAGIC 0x09041934 /* linux/magic.h */
#endif

namespace dmabufd {
namespace {

// Only asked of an anonymous inode: other drivers may give the same ioctl number a meaning of their own.
bool is_sync_file(int fd) {
  sync_file_info info{};
  return ::ioctl(fd, SYNC_IOC_FILE_INFO, &info) == 0;
}

// What the kernel knows of the file, without asking a server.
struct statx known_status(int fd) {
  struct statx status {};
  check(::statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BASIC_STATS, &status), "statx");
  return status;
}

// Not repeated after EINTR: no filesystem of the kernel's own answers that, and a FUSE server could for ever.
unsigned long filesystem_magic(int fd) {
  struct statfs filesystem {};
  check(::fstatfs(fd, &filesystem), "fstatfs");
  return static_cast<unsigned long>(filesystem.f_type);
}

}  // namespace

FdDescription describe_fd(int fd) {
  const struct statx status = known_status(fd);
  const int flags = check(::fcntl(fd, F_GETFL), "fcntl(F_GETFL)");
  FdDescription description{FdKind::kOther, status.stx_ino, ::makedev(status.stx_dev_major, status.stx_dev_minor),
                            flags & O_ACCMODE, 0};
  const unsigned type = status.stx_mode & S_IFMT;
  if ((type != S_IFREG && type != 0) || (flags & O_PATH) != 0) return description;

  // A memfd is an unlinked regular file that answers about its seals. (So does an unlinked file on a tmpfs;
  // whoever relies on one looks at the seals, which such a file cannot have.) One of huge pages (HUGETLBFS_MAGIC) is
  // left out: no seal keeps its owner from punching holes, and touching a hole when there is no huge page left is a SIGBUS.
  const int seals = ::fcntl(fd, F_GET_SEALS);
  const unsigned long magic = filesystem_magic(fd);
  if (seals >= 0) {
    if (magic != TMPFS_MAGIC || status.stx_nlink != 0) return description;
    description.kind = FdKind::kMemfd;
    description.seals = seals;
  } else if (magic == DMA_BUF_MAGIC) {
    description.kind = FdKind::kDmaBuf;
  } else if (magic == ANON_INODE_FS_MAGIC && is_sync_file(fd)) {
    description.kind = FdKind::kSyncFile;
  }
  return description;
}

unsigned file_type(int fd) { return known_status(fd).stx_mode & S_IFMT; }

}  // namespace dmabufd
