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

struct flock whole_file_for_writing() {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return lock;
}

bool take(const UniqueFd& fd) {
  struct flock lock = whole_file_for_writing();
  if (::fcntl(fd.get(), F_SETLK, &lock) == 0) return true;
  if (errno != EACCES && errno != EAGAIN) throw SystemError(errno, "fcntl(F_SETLK)");
  return false;
}

// What keeps ours out; of type F_UNLCK if that was let go meanwhile.
struct flock conflict(const UniqueFd& fd) {
  struct flock lock = whole_file_for_writing();
  check(::fcntl(fd.get(), F_GETLK, &lock), "fcntl(F_GETLK)");
  return lock;
}

}  // namespace

LockOutcome lock_file(const std::string& path) {
  for (int attempt = 0; attempt < kMaxAttempts; attempt++) {
    UniqueFd fd(check(
        retry_interrupted([&] { return ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600); }),
        "open"));
    if (take(fd)) {
      if (is_still_at(fd, path)) return {std::move(fd), 0};
      continue;
    }
    const struct flock other = conflict(fd);
    if (other.l_type == F_WRLCK) return {UniqueFd(), other.l_pid < 0 ? 0 : other.l_pid};
    // A reader cannot be one of us: it may be whoever has the directory read-only, and is to keep nobody out.
    const bool is_readers = other.l_type == F_RDLCK && is_still_at(fd, path);
    if (is_readers && ::unlink(path.c_str()) != 0 && errno != ENOENT) throw SystemError(errno, "unlink");
  }
  throw SystemError(EBUSY, "fcntl(F_SETLK)");
}

}  // namespace dmabufd
