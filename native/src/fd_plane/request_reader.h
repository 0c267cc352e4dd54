// What waits in a session's socket, read request by request while few come, and several at once from who sends faster than
// they are read. It makes no difference to the client.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "dmabufd_fd.h"
#include "fd_plane/request.h"
#include "fd_plane/session.h"
#include "socket/look_ahead.h"

namespace dmabufd {

class RequestReader {
 public:
  using Serve = std::function<void(const Request&)>;

  enum class Stop {
    kForNow,      // nothing waits, or no more may be taken in, or it is the others' turn
    kAtFds,       // what waits carries fds
    kAtTheEnd,    // the peer closed, or sent an empty datagram without fds
  };

  // Has the session's requests served, and sends the answers. Dismisses who breaks the protocol. Throws SystemError for what ends
  // the connection.
  Stop read(Session& session, const Serve& serve);

 private:
  Peeked read_one(Session& session, const Serve& serve);
  size_t read_several(Session& session, size_t most, const Serve& serve);

  const bool looks_ahead_ = LookAhead::is_supported();
  LookAhead ahead_;
  uint8_t buffer_[DMABUFD_FD_MAX_DATAGRAM]{};
};

// Says that the client has broken the protocol, and how.
void dismiss_violator(Session& session, const std::string& violation);

}  // namespace dmabufd
