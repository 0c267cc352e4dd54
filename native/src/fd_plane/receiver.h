// Takes from a client what can block: fds that are not known yet.
//
// The last close of a file sleeps for as long as its owner likes: a socket with SO_LINGER, a file on the client's own
// FUSE. The same goes for fstat() on the latter, and for closing a socket in whose queue such fds still wait. So whatever may
// bring such fds is received, looked at and closed on a thread of its own, where it costs only the client that
// sent it. What comes out is harmless: fds of dma-bufs, memfds and sync_files.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "kernel/unique_fd.h"
#include "socket/datagram.h"

namespace dmabufd {

// One datagram that carried fds.
struct Delivery {
  uint64_t session = 0;
  Received outcome = Received::kClosed;
  std::vector<uint8_t> bytes;
  size_t fd_count = 0;          // how many it carried
  std::vector<UniqueFd> fds;    // those that are harmless
  std::string other_kind;       // what one was that is not, for a person: "a socket"; empty if all are
};

class Receiver {
 public:
  Receiver();

  // Readable when there is something to take.
  int wake_fd() const;
  std::vector<Delivery> take();

  // Receives the next datagram of a session. The thread keeps the socket open. Throws std::system_error if there can be no
  // further thread.
  void receive(uint64_t session, SharedFd socket);

  // Shuts a session's socket down and closes it, whatever its client left in it.
  void dispose(SharedFd socket);

  // Threads that have not come to an end.
  size_t busy() const;

 private:
  // Outlives this object for as long as a thread is stuck.
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace dmabufd
