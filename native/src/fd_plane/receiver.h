// Takes from a client what can block: fds that are not known yet.
//
// The last close of a file sleeps for as long as its owner likes: a socket with SO_LINGER, a file on the client's own
// FUSE. The same goes for fstatfs() on the latter, and for closing a socket in whose queue such fds still wait. So whatever may
// bring such fds is received, looked at and closed on other threads. What comes out is harmless: fds of dma-bufs,
// sync_files, and memfds with F_SEAL_SHRINK. Closing one may still take as long as freeing a huge memory does, so what nobody
// wants comes back.
//
// Lingering is switched off on what is received, and interrupted where that was not possible. A FUSE server can still keep a
// thread for good, so each user has few of them: what else it brings waits its turn, and nobody else does.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "kernel/unique_fd.h"
#include "socket/datagram.h"

namespace dmabufd {

// One datagram that carried fds.
struct Delivery {
  uint64_t session = 0;
  uid_t user = 0;
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

  // Receives the next datagram of a session, of a client of this user. Keeps the socket open meanwhile. Throws
  // std::system_error if there can be no thread.
  void receive(uint64_t session, uid_t user, SharedFd socket);

  // Closes what a client of this user sent.
  void close(uid_t user, std::vector<UniqueFd> fds);

  // Shuts a session's socket down and closes it, whatever its client left in it.
  void dispose(uid_t user, const SharedFd& socket);

  // Whether something waits for a thread: then give_up() is to be called once in a while.
  bool has_waiting() const;
  // The sessions whose receive has waited for more than a second, since all threads of their user are stuck. It waits no more.
  std::vector<uint64_t> give_up();
  // Whether so much of this user waits that no more should be taken on.
  bool is_clogged(uid_t user) const;

 private:
  struct Job;
  // Outlives this object for as long as a thread is stuck.
  struct State;

  void start(uid_t user, Job job);

  std::shared_ptr<State> state_;
};

}  // namespace dmabufd
