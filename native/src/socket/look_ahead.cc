#include "socket/look_ahead.h"

#include <algorithm>

#include "kernel/system_error.h"
#include "kernel/unique_fd.h"

namespace dmabufd {
namespace {

// With an offset MSG_PEEK passes over so many bytes, and adds what it shows to it.
constexpr int kNoOffset = -1;

void set_peek_offset(int socket, int offset) {
  check(retry_interrupted([&] { return ::setsockopt(socket, SOL_SOCKET, SO_PEEK_OFF, &offset, sizeof(offset)); }),
        "setsockopt(SO_PEEK_OFF)");
}

bool is_empty(const mmsghdr& message) { return message.msg_len == 0; }

bool is_plain(const mmsghdr& message) {
  return !is_empty(message) && (message.msg_hdr.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0;
}

}  // namespace

LookAhead::LookAhead() {
  for (size_t i = 0; i < kMaxDatagramsAtOnce; i++) {
    data_[i] = {buffers_[i].data(), kMostBytes};
    messages_[i].msg_hdr.msg_iov = &data_[i];
    messages_[i].msg_hdr.msg_iovlen = 1;
  }
}

// The offset is there for one system call only: whatever comes next, another thread that asks whether there is something left or
// the next process to have the socket, finds what is first.
void LookAhead::look(int socket, size_t most) {
  size_ = 0;
  const auto asked = static_cast<unsigned>(std::min(most, kMaxDatagramsAtOnce));
  set_peek_offset(socket, 0);
  // Without a control buffer the kernel makes no fd, and says MSG_CTRUNC if there are any.
  const int seen = retry_interrupted(
      [&] { return ::recvmmsg(socket, messages_.data(), asked, MSG_PEEK | MSG_DONTWAIT, nullptr); });
  const int error = errno;
  set_peek_offset(socket, kNoOffset);
  const bool is_nothing = seen < 0 && (error == EAGAIN || error == EWOULDBLOCK);
  if (seen < 0 && !is_nothing) throw SystemError(error, "recvmmsg");
  const auto* const end = messages_.cbegin() + std::max(seen, 0);
  const auto* const stop = std::find_if_not(messages_.cbegin(), end, is_plain);
  size_ = static_cast<size_t>(stop - messages_.cbegin());
  is_all_ = stop == end && size_ < asked;
  // Those behind it have been looked at as well, by the kernel.
  has_seen_empty_ = std::any_of(stop, end, is_empty);
}

void LookAhead::take(int socket, size_t count) {
  std::array<mmsghdr, kMaxDatagramsAtOnce> nowhere{};
  while (count > 0) {
    const int taken = check(retry_interrupted([&] {
                              return ::recvmmsg(socket, nowhere.data(), static_cast<unsigned>(count), MSG_DONTWAIT, nullptr);
                            }),
                            "recvmmsg");
    count -= static_cast<size_t>(taken);
  }
}

bool LookAhead::is_supported() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return false;
  const UniqueFd one(ends[0]);
  const UniqueFd other(ends[1]);
  return ::setsockopt(one.get(), SOL_SOCKET, SO_PEEK_OFF, &kNoOffset, sizeof(kNoOffset)) == 0;
}

// It fails only where there are no offsets, and so none has been left.
void look_from_the_first(int socket) noexcept {
  (void)::setsockopt(socket, SOL_SOCKET, SO_PEEK_OFF, &kNoOffset, sizeof(kNoOffset));
}

}  // namespace dmabufd
