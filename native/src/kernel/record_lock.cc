#include "kernel/record_lock.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/system_error.h"

namespace dmabufd {
namespace {

constexpr int kMaxAttempts = 100;

bool is_still_at(const UniqueFd& fd, const std::string& path) {
  struct stat opened {};
  struct stat named {};
  check(::fstat(fd.get(), &opened), "fstat");
  return ::lstat(path.c_str(), &named) == 0 && opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

// The lock that keeps ours out; F_UNLCK if ours was taken.
struct flock try_lock(const UniqueFd& fd) {
  for (;;) {
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    if (::fcntl(fd.get(), F_SETLK, &lock) == 0) {
      lock.l_type = F_UNLCK;
      return lock;
    }
    if (errno != EACCES && errno != EAGAIN) throw SystemError(errno, "fcntl(F_SETLK)");
    check(::fcntl(fd.get(), F_GETLK, &lock), "fcntl(F_GETLK)");
    if (lock.l_type != F_UNLCK) return lock;
    // It was let go between the two calls.
  }
}

}  // namespace

LockOutcome lock_file(const std::string& path) {
  for (int attempt = 0; attempt < kMaxAttempts; attempt++) {
    UniqueFd fd(check(
        retry_interrupted([&] { return ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600); }),
        "open"));
    const struct flock other = try_lock(fd);
    if (other.l_type == F_WRLCK) return {UniqueFd(), other.l_pid < 0 ? 0 : other.l_pid};
    const bool is_current = is_still_at(fd, path);
    if (other.l_type == F_UNLCK && is_current) return {std::move(fd), 0};
    // A reader cannot be one of us: it may be whoever has the directory read-only, and is to keep nobody out.
    if (is_current) check(::unlink(path.c_str()), "unlink");
  }
  throw SystemError(EBUSY, "fcntl(F_SETLK)");
}

}  // namespace dmabufd
