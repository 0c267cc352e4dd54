#include "socket/unix_socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "kernel/system_error.h"

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83 /* asm-generic/socket.h */
#endif

namespace dmabufd {
namespace {

constexpr int kBacklog = 128;

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof(address.sun_path)) throw SystemError(ENAMETOOLONG, "bind");
  path.copy(address.sun_path, path.size());
  return address;
}

UniqueFd make_socket(int type) {
  return UniqueFd(check(::socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), "socket"));
}

// Nobody sends fds over a stream of ours, and whoever received them would have to close them, which can block for as long as
// their sender likes. Connections inherit this from the listener (Linux 6.16 and later; before, there is StreamRelay).
void refuse_fds(int socket) {
  const int pass = 0;
  (void)::setsockopt(socket, SOL_SOCKET, SO_PASSRIGHTS, &pass, sizeof(pass));
}

}  // namespace

UniqueFd listen_unix(int type, const std::string& path, mode_t mode) {
  const sockaddr_un address = address_of(path);
  UniqueFd socket = make_socket(type);
  check(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), "bind");
  // Until listen() every connect() is refused, so nobody comes in between with the umask's bits.
  check(::chmod(path.c_str(), mode), "chmod");
  if (type == SOCK_STREAM) refuse_fds(socket.get());
  check(::listen(socket.get(), kBacklog), "listen");
  return socket;
}

bool refuses_fds(int listener) {
  int pass = 1;
  socklen_t length = sizeof(pass);
  return ::getsockopt(listener, SOL_SOCKET, SO_PASSRIGHTS, &pass, &length) == 0 && pass == 0;
}

SocketType socket_type(int socket) {
  const auto option = [&](int name) {
    int value = 0;
    socklen_t length = sizeof(value);
    check(::getsockopt(socket, SOL_SOCKET, name, &value, &length), "getsockopt");
    return value;
  };
  if (option(SO_DOMAIN) != AF_UNIX) throw SystemError(EAFNOSUPPORT, "getsockopt(SO_DOMAIN)");
  const int type = option(SO_TYPE);
  return {type == SOCK_STREAM, type == SOCK_SEQPACKET, option(SO_ACCEPTCONN) != 0};
}

UniqueFd connect_unix(int type, const std::string& path) {
  const sockaddr_un address = address_of(path);
  UniqueFd socket = make_socket(type);
  check(retry_interrupted([&] {
          return ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
        }),
        "connect");
  return socket;
}

}  // namespace dmabufd
