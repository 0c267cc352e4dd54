// Stands between clients that may attach fds to their bytes and a reader that cannot refuse them.
//
// Before Linux 6.16 (SO_PASSRIGHTS) every client of a Unix stream socket can send fds, and read(2) drops them: a last close
// that sleeps for as long as the client likes. So a thread looks at the bytes before they are taken, copies them to a
// socketpair whose other end the reader has, and ends the connection of whoever attaches fds.
//
// The thread is there while there are connections. One lock guards them; nothing blocks while it is held.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "relay/relayed_connection.h"

namespace dmabufd {

class StreamRelay {
 public:
  StreamRelay() = default;
  // Ends all connections, and waits until what has been written to them is passed on as far as the clients take it.
  ~StreamRelay();
  StreamRelay(const StreamRelay&) = delete;
  StreamRelay(StreamRelay&&) = delete;
  StreamRelay& operator=(const StreamRelay&) = delete;
  StreamRelay& operator=(StreamRelay&&) = delete;

  // Takes a connection, and answers a socket that stands for it, non-blocking and close-on-exec. Throws SystemError.
  UniqueFd relay(ClientSocket client);

 private:
  using Lock = std::lock_guard<std::mutex>;
  using Side = RelayedConnection::Side;

  void start();
  void run(int epoll);
  void handle(uint64_t tag, uint32_t events);
  void rearm(uint64_t id, RelayedConnection& connection, Side side);
  void arm(int operation, uint64_t id, RelayedConnection& connection, Side side);

  std::mutex mutex_;
  std::unordered_map<uint64_t, std::unique_ptr<RelayedConnection>> connections_;  // guarded by mutex_
  uint64_t last_connection_ = 0;  // guarded by mutex_
  bool runs_ = false;             // guarded by mutex_
  UniqueFd epoll_;                // guarded by mutex_; valid while the thread runs
  std::thread thread_;            // guarded by mutex_
};

}  // namespace dmabufd
