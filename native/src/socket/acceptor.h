// Takes connections from a listening socket, and does not spin when this process has no fd left for them.
#pragma once

#include "kernel/unique_fd.h"

namespace dmabufd {

class Acceptor {
 public:
  explicit Acceptor(UniqueFd listener);

  int listener() const { return listener_.get(); }

  // The next connection, close-on-exec and non-blocking; invalid when none waits. At RLIMIT_NOFILE the connection is
  // taken with a spare fd and dropped, since it would otherwise wake the event loop for ever.
  UniqueFd accept();

 private:
  void drop_one();

  UniqueFd listener_;
  UniqueFd spare_;
};

}  // namespace dmabufd
