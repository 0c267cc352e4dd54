// A system call that failed: which one, and its errno.
#pragma once

#include <cerrno>
#include <exception>

namespace dmabufd {

class SystemError : public std::exception {
 public:
  // `syscall` is a string literal. The errno is an argument so that nothing can change it on the way here.
  SystemError(int error, const char* syscall) : error_(error), syscall_(syscall) {}

  int error() const { return error_; }
  const char* syscall() const { return syscall_; }
  const char* what() const noexcept override { return syscall_; }

 private:
  int error_;
  const char* syscall_;
};

// Returns what a system call returned, or throws its errno.
template <typename T>
T check(T result, const char* syscall) {
  if (result < 0) throw SystemError(errno, syscall);
  return result;
}

// Repeats a call that a signal interrupted.
template <typename Call>
auto retry_interrupted(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

}  // namespace dmabufd
