#include "kernel/memfd.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/types.h>

#include <csignal>
#include <limits>

#include "kernel/system_error.h"

namespace dmabufd {
namespace {

UniqueFd create_memfd(const std::string& name, uint64_t size, unsigned flags) {
  if (size > static_cast<uint64_t>(std::numeric_limits<off_t>::max())) {
    throw SystemError(EFBIG, "ftruncate");
  }
  UniqueFd memfd(check(::memfd_create(name.c_str(), flags | MFD_ALLOW_SEALING), "memfd_create"));
  check(retry_interrupted([&] { return ::ftruncate(memfd.get(), static_cast<off_t>(size)); }), "ftruncate");
  return memfd;
}

// O_NONBLOCK, since whoever else has the memfd may have a lease on it (fcntl(2), F_SETLEASE): open(2) would wait until that is
// broken, for 45 s by default. EWOULDBLOCK instead. It means nothing later to a file in memory.
UniqueFd open_again(int fd, int flags) {
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  UniqueFd opened(check(retry_interrupted([&] { return ::open(path.c_str(), flags | O_NONBLOCK); }), "open"));
  const int status = check(::fcntl(opened.get(), F_GETFL), "fcntl(F_GETFL)");
  check(::fcntl(opened.get(), F_SETFL, status & ~O_NONBLOCK), "fcntl(F_SETFL)");
  return opened;
}

}  // namespace

UniqueFd create_sealed_memfd(const std::string& name, uint64_t size, bool cloexec) {
  const UniqueFd uncounted = create_memfd(name, size, MFD_CLOEXEC);
  check(::fcntl(uncounted.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), "fcntl(F_ADD_SEALS)");
  return open_again(uncounted.get(), O_RDWR | (cloexec ? O_CLOEXEC : 0));
}

UniqueFd create_memfd_for_udmabuf(uint64_t size) {
  UniqueFd memfd = create_memfd("dmabufd-udmabuf", size, MFD_CLOEXEC);
  check(::fcntl(memfd.get(), F_ADD_SEALS, F_SEAL_SHRINK), "fcntl(F_ADD_SEALS)");
  return memfd;
}

UniqueFd reopen_memfd(int memfd, int access_mode) { return open_again(memfd, access_mode | O_CLOEXEC); }

// A write lease is granted only if the kernel counts no other reader or writer of the inode (fcntl(2), F_SETLEASE).
bool is_held_elsewhere(int memfd) {
  // Whoever opens the memfd before the lease is given back makes the kernel signal this process, by default with SIGIO, which
  // would end it. SIGURG is ignored unless somebody handles it, and, other than a real-time signal, never becomes SIGIO
  // after all when too many signals are queued.
  check(::fcntl(memfd, F_SETSIG, SIGURG), "fcntl(F_SETSIG)");
  if (::fcntl(memfd, F_SETLEASE, F_WRLCK) < 0) {
    if (errno == EAGAIN) return true;
    throw SystemError(errno, "fcntl(F_SETLEASE)");
  }
  (void)::fcntl(memfd, F_SETLEASE, F_UNLCK);  // fails only if the lease is gone already
  return false;
}

}  // namespace dmabufd
