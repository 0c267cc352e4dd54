// What an open file is, found out by system calls that only the right kind answers. Names (the target of
// /proc/self/fd/N) are for people: anyone can make a file that is called "/dmabuf:".
#pragma once

#include <cstdint>

namespace dmabufd {

enum class FdKind { kDmaBuf, kMemfd, kSyncFile, kOther };

struct FdDescription {
  FdKind kind;
  uint64_t inode;
  uint64_t device;
  int access_mode;  // O_RDONLY, O_WRONLY or O_RDWR
  int seals;        // of a memfd, otherwise 0
};

// Asks the kernel alone wherever it can: only a regular file may be a FUSE server's, which answers when it likes.
FdDescription describe_fd(int fd);

// S_IFREG, S_IFSOCK and so on (inode(7)); 0 for most anonymous inodes. Asks the kernel alone.
unsigned file_type(int fd);

}  // namespace dmabufd
