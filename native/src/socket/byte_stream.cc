#include "socket/byte_stream.h"

#include <sys/socket.h>

#include "kernel/system_error.h"

namespace dmabufd {
namespace {

bool would_block() { return errno == EAGAIN || errno == EWOULDBLOCK; }

}  // namespace

void receive_out_of_band_in_line(int socket) {
  const int in_line = 1;
  check(::setsockopt(socket, SOL_SOCKET, SO_OOBINLINE, &in_line, sizeof(in_line)), "setsockopt(SO_OOBINLINE)");
}

ReceivedBytes receive_bytes(int socket, uint8_t* buffer, size_t capacity, size_t& length) {
  iovec data{buffer, capacity};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  // Without a control buffer the kernel makes no fd, and says MSG_CTRUNC if there are any.
  const ssize_t peeked = retry_interrupted([&] { return ::recvmsg(socket, &message, MSG_PEEK | MSG_DONTWAIT); });
  if (peeked < 0) {
    if (would_block()) return ReceivedBytes::kNone;
    throw SystemError(errno, "recvmsg");
  }
  if ((message.msg_flags & MSG_CTRUNC) != 0) throw SystemError(EPROTO, "recvmsg");
  if (peeked == 0) return ReceivedBytes::kEnd;
  // No more than was looked at: what has come in since may carry fds.
  const auto looked_at = static_cast<size_t>(peeked);
  length = static_cast<size_t>(
      check(retry_interrupted([&] { return ::recv(socket, buffer, looked_at, MSG_DONTWAIT); }), "recv"));
  return ReceivedBytes::kSome;
}

size_t send_bytes(int socket, const uint8_t* bytes, size_t length) {
  const ssize_t sent =
      retry_interrupted([&] { return ::send(socket, bytes, length, MSG_NOSIGNAL | MSG_DONTWAIT); });
  if (sent >= 0) return static_cast<size_t>(sent);
  if (would_block()) return 0;
  throw SystemError(errno, "send");
}

}  // namespace dmabufd
