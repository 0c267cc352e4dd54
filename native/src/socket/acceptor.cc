#include "socket/acceptor.h"

#include <fcntl.h>
#include <sys/socket.h>

#include "kernel/system_error.h"

namespace dmabufd {
namespace {

UniqueFd open_spare() { return UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

int accept_connection(int listener) {
  return retry_interrupted([&] { return ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK); });
}

}  // namespace

Acceptor::Acceptor(UniqueFd listener) : listener_(std::move(listener)), spare_(open_spare()) {}

UniqueFd Acceptor::accept() {
  for (;;) {
    const int fd = accept_connection(listener_.get());
    if (fd >= 0) return UniqueFd(fd);
    switch (errno) {
      case ECONNABORTED:
        continue;
      case EMFILE:
      case ENFILE:
        drop_one();
        return UniqueFd();
      case EAGAIN:
      case ENOBUFS:
      case ENOMEM:
        return UniqueFd();
      default:
        throw SystemError(errno, "accept4");
    }
  }
}

void Acceptor::drop_one() {
  spare_.reset();
  (void)ClientSocket(UniqueFd(accept_connection(listener_.get())));
  spare_ = open_spare();
}

}  // namespace dmabufd
