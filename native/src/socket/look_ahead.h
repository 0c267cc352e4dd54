// Several datagrams that wait in a SOCK_SEQPACKET socket, looked at with few system calls and not taken yet.
//
// Only plain ones: short, not empty, and without fds. What is behind any other one is not looked at, so that what was can be taken
// without passing over it: the kernel would close the fds that come with it, which may sleep for as long as their sender
// likes.
//
// An empty datagram that has been looked at is passed over by the kernel when it is looked ahead again, and what is behind it
// shown in its place. So from then on there is no looking ahead until the socket has been found with nothing in it.
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "socket/datagram.h"

namespace dmabufd {

class LookAhead {
 public:
  static constexpr size_t kMostBytes = 128;

  // Whether the system has SO_PEEK_OFF. Linux has; what runs programs of another architecture, or in the place of a kernel, may not.
  static bool is_supported();

  LookAhead();
  LookAhead(const LookAhead&) = delete;
  LookAhead(LookAhead&&) = delete;
  LookAhead& operator=(const LookAhead&) = delete;
  LookAhead& operator=(LookAhead&&) = delete;
  ~LookAhead() = default;

  // Looks at the first of what waits: at most `most` datagrams, and kMaxDatagramsAtOnce. Throws as peek_datagram does.
  void look(int socket, size_t most);

  size_t size() const { return size_; }
  // Whether nothing else waited, nor is it the end of the connection.
  bool is_all() const { return is_all_; }
  // Whether there was an empty datagram, anywhere, or the end of the connection, which looks the same.
  bool has_seen_empty() const { return has_seen_empty_; }
  const uint8_t* bytes(size_t index) const { return buffers_[index].data(); }
  size_t length(size_t index) const { return messages_[index].msg_len; }

  // Takes so many of those that were looked at, the first, out of the queue.
  static void take(int socket, size_t count);

 private:
  std::array<std::array<uint8_t, kMostBytes>, kMaxDatagramsAtOnce> buffers_{};
  std::array<iovec, kMaxDatagramsAtOnce> data_{};
  std::array<mmsghdr, kMaxDatagramsAtOnce> messages_{};
  size_t size_ = 0;
  bool is_all_ = false;
  bool has_seen_empty_ = false;
};

// Makes the next look at what waits begin with the first datagram, whoever looked at others before.
void look_from_the_first(int socket) noexcept;

}  // namespace dmabufd
