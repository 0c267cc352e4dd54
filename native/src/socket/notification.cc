#include "socket/notification.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>

#include "kernel/system_error.h"
#include "kernel/unique_fd.h"
#include "socket/datagram.h"

namespace dmabufd {
namespace {

UniqueFd connect_to(const std::string& address) {
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  if (address.size() < 2 || address.size() >= sizeof(to.sun_path)) throw SystemError(EINVAL, "connect");
  address.copy(to.sun_path, address.size());
  const bool is_abstract = to.sun_path[0] == '@';
  if (is_abstract) to.sun_path[0] = '\0';
  // An abstract name is as long as the address says, a path ends with a NUL (unix(7)).
  const size_t length = offsetof(sockaddr_un, sun_path) + address.size() + (is_abstract ? 0 : 1);
  UniqueFd socket(check(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket"));
  check(retry_interrupted([&] {
          return ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&to), static_cast<socklen_t>(length));
        }),
        "connect");
  return socket;
}

}  // namespace

void send_notification(const std::string& address, const std::string& text, const std::vector<int>& fds,
                       int timeout_ms) {
  const UniqueFd socket = connect_to(address);
  const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
  while (!send_datagram(socket.get(), {bytes, text.size(), fds.data(), fds.size()})) {
    pollfd room{socket.get(), POLLOUT, 0};
    if (check(retry_interrupted([&] { return ::poll(&room, 1, timeout_ms); }), "poll") == 0) {
      throw SystemError(ETIMEDOUT, "sendmsg");
    }
  }
}

}  // namespace dmabufd
