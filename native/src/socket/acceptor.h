// Takes connections from a listening socket, and does not spin when this process has no fd left for them.
#pragma once

#include "kernel/unique_fd.h"
#include "socket/client_socket.h"

namespace dmabufd {

struct Listener {
  UniqueFd fd;
  // Somebody else has it and goes on listening: a service manager, whose sockets outlive the service.
  bool is_shared = false;
};

class Acceptor {
 public:
  // Makes the listener a non-blocking one, for whoever else has it, too.
  explicit Acceptor(Listener listener);
  ~Acceptor();
  Acceptor(const Acceptor&) = delete;
  Acceptor(Acceptor&&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;
  Acceptor& operator=(Acceptor&&) = delete;

  int listener() const { return listener_.get(); }

  // The next connection, close-on-exec and non-blocking; invalid when none waits. At RLIMIT_NOFILE the connection is
  // taken with a spare fd and dropped, since it would otherwise wake the event loop for ever.
  UniqueFd accept();

 private:
  void drop_one();

  ClientSocket listener_;  // in which connections wait, and in them what their clients have sent already
  const bool is_shared_;
  UniqueFd spare_;
};

}  // namespace dmabufd
