#include "kernel/mapped_region.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "kernel/fd_description.h"
#include "kernel/system_error.h"

namespace dmabufd {
namespace {

// A dma-buf's own mmap checks the length (dma_buf_mmap_internal); behind the end of a memfd lies SIGBUS.
void refuse_what_could_fault(int fd, size_t length) {
  const FdDescription description = describe_fd(fd);
  if (description.kind == FdKind::kDmaBuf) return;
  if (description.kind != FdKind::kMemfd || (description.seals & F_SEAL_SHRINK) == 0) {
    throw SystemError(EPERM, "mmap");
  }
  struct stat status {};
  check(::fstat(fd, &status), "fstat");
  if (static_cast<uint64_t>(status.st_size) < length) throw SystemError(EINVAL, "mmap");
}

}  // namespace

MappedRegion::MappedRegion(int fd, size_t length, bool writable) : length_(length), writable_(writable) {
  refuse_what_could_fault(fd, length);
  const int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
  void* address = ::mmap(nullptr, length, protection, MAP_SHARED, fd, 0);
  if (address == MAP_FAILED) throw SystemError(errno, "mmap");
  data_ = static_cast<uint8_t*>(address);
}

MappedRegion::~MappedRegion() { ::munmap(data_, length_); }

}  // namespace dmabufd
