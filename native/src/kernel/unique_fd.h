// An fd that somebody owns.
//
// UniqueFd closes its descriptor exactly once. A function that takes one by value takes the descriptor over;
// a function that takes an int borrows it for the call. SharedFd keeps a descriptor open for as long as
// anyone, on any thread, still works with it: closing it elsewhere can never make its number mean another file.
#pragma once

#include <unistd.h>

#include <cerrno>
#include <memory>
#include <utility>

namespace dmabufd {

class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) reset(other.release());
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { reset(); }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }

  // Gives the descriptor up to the caller.
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }

  // Closes what it holds. Keeps errno, and never retries: on Linux the descriptor is gone even after EINTR
  // (close(2)).
  void reset(int fd = -1) {
    const int old = std::exchange(fd_, fd);
    if (old < 0) return;
    const int saved_errno = errno;
    ::close(old);
    errno = saved_errno;
  }

 private:
  int fd_ = -1;
};

using SharedFd = std::shared_ptr<UniqueFd>;

inline SharedFd share(UniqueFd fd) { return std::make_shared<UniqueFd>(std::move(fd)); }

}  // namespace dmabufd
