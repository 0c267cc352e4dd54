#include "socket/acceptor.h"

#include <fcntl.h>
#include <sys/socket.h>

#include "kernel/system_error.h"

namespace dmabufd {
namespace {

// A listener that a service manager made is a blocking one.
UniqueFd non_blocking(UniqueFd listener) {
  const int flags = check(::fcntl(listener.get(), F_GETFL), "fcntl(F_GETFL)");
  check(::fcntl(listener.get(), F_SETFL, flags | O_NONBLOCK), "fcntl(F_SETFL)");
  return listener;
}

UniqueFd open_spare() { return UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

int accept_connection(int listener) {
  return retry_interrupted([&] { return ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK); });
}

}  // namespace

Acceptor::Acceptor(Listener listener)
    : listener_(non_blocking(std::move(listener.fd))), is_shared_(listener.is_shared), spare_(open_spare()) {}

// A shared one is not to be shut down, and this is not its last close.
Acceptor::~Acceptor() {
  if (is_shared_) (void)listener_.release();
}

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
