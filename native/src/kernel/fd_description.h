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

FdDescription describe_fd(int fd);

}  // namespace dmabufd
