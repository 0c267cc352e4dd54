#include "kernel/fd_description.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/sync_file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
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

}  // namespace

FdDescription describe_fd(int fd) {
  struct stat status {};
  check(::fstat(fd, &status), "fstat");
  struct statfs filesystem {};
  check(retry_interrupted([&] { return ::fstatfs(fd, &filesystem); }), "fstatfs");
  const int flags = check(::fcntl(fd, F_GETFL), "fcntl(F_GETFL)");

  FdDescription description{FdKind::kOther, status.st_ino, status.st_dev, flags & O_ACCMODE, 0};
  const auto magic = static_cast<unsigned long>(filesystem.f_type);
  if (magic == DMA_BUF_MAGIC) {
    description.kind = FdKind::kDmaBuf;
  } else if (magic == ANON_INODE_FS_MAGIC) {
    if (is_sync_file(fd)) description.kind = FdKind::kSyncFile;
  } else if (magic == TMPFS_MAGIC && S_ISREG(status.st_mode) && status.st_nlink == 0) {
    // A memfd is an unlinked regular file that answers about its seals. (So does an unlinked file on a tmpfs;
    // whoever relies on one looks at the seals, which such a file cannot have.) One of huge pages (HUGETLBFS_MAGIC) is
    // left out: no seal keeps its owner from punching holes, and touching a hole when there is no huge page left is a SIGBUS.
    const int seals = ::fcntl(fd, F_GET_SEALS);
    if (seals >= 0) {
      description.kind = FdKind::kMemfd;
      description.seals = seals;
    }
  }
  return description;
}

}  // namespace dmabufd
