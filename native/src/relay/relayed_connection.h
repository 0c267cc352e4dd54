// One client's connection and the end of a socketpair that stands for it, and the bytes on their way between the two.
//
// Each direction has one buffer of a fixed size and is read from only while that is empty, so that a side which does not
// read makes the other wait, and costs no memory. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernel/unique_fd.h"
#include "socket/client_socket.h"

namespace dmabufd {

// Bounds what waits in a socket of a relayed connection to be read by the other end, so that when one side has gone, all that
// it sent fits into the other side's socket at once.
void keep_little_in(int socket);

// One direction.
class Flow {
 public:
  // Receives or sends once. Returns false when nothing more can be done now. Throws SystemError if either socket is broken,
  // or fds ride on the bytes.
  bool step(int from, int to);

  bool wants_input() const { return begin_ == end_ && !closed_; }
  bool wants_output() const { return begin_ < end_; }
  // The end has been passed on, after all bytes.
  bool closed() const { return closed_; }

 private:
  static constexpr size_t kBufferBytes = 16'384;

  size_t begin_ = 0;
  size_t end_ = 0;
  bool closed_ = false;
  uint8_t buffer_[kBufferBytes]{};
};

class RelayedConnection {
 public:
  RelayedConnection(ClientSocket client, UniqueFd stand_in);

  enum Side : uint8_t { kClient = 0, kStandIn = 1 };

  int socket(Side side) const { return side == kClient ? client_.get() : stand_in_.get(); }

  // Copies what can be copied now, after an event of one side, and no more than a fair share. Returns false when the
  // connection has come to its end.
  bool handle(Side side, uint32_t events);

  // What to ask epoll for.
  uint32_t wanted_events(Side side) const;
  // What it was asked for last.
  uint32_t armed_events(Side side) const { return armed_events_[side]; }
  void set_armed_events(Side side, uint32_t events) { armed_events_[side] = events; }

 private:
  Flow& flow_from(Side side) { return flows_[side]; }
  const Flow& flow_from(Side side) const { return flows_[side]; }
  void pass_on(Side from);
  void pass_on_the_rest(Side from) noexcept;

  ClientSocket client_;
  UniqueFd stand_in_;
  Flow flows_[2];  // by the side that they come from
  uint32_t armed_events_[2] = {0, 0};
};

}  // namespace dmabufd
