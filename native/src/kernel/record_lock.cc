#include "kernel/record_lock.h"

#include <fcntl.h>

#include "kernel/system_error.h"

namespace dmabufd {

LockOutcome lock_file(const std::string& path) {
  UniqueFd fd(check(
      retry_interrupted([&] { return ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600); }),
      "open"));
  for (;;) {
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    if (::fcntl(fd.get(), F_SETLK, &lock) == 0) return {std::move(fd), 0};
    if (errno != EACCES && errno != EAGAIN) throw SystemError(errno, "fcntl(F_SETLK)");
    check(::fcntl(fd.get(), F_GETLK, &lock), "fcntl(F_GETLK)");
    // It was let go between the two calls: try once more.
    if (lock.l_type != F_UNLCK) return {UniqueFd(), lock.l_pid < 0 ? 0 : lock.l_pid};
  }
}

}  // namespace dmabufd
