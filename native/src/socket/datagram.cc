#include "socket/datagram.h"

#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "kernel/system_error.h"

namespace dmabufd {
namespace {

// Room for the most fds there can be. More than one SCM_RIGHTS message never comes: the kernel merges them.
struct alignas(cmsghdr) ControlBuffer {
  char bytes[CMSG_SPACE(sizeof(int) * kMaxFdsInDatagram)];
};

// Room for the fds of several datagrams to be sent, each in a message of its own.
class ControlBuffers {
 public:
  void attach(msghdr& message, const OutgoingDatagram& datagram) {
    const size_t size = datagram.fd_count * sizeof(int);
    message.msg_control = bytes_ + used_;
    message.msg_controllen = CMSG_SPACE(size);
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(size);
    std::memcpy(CMSG_DATA(header), datagram.fds, size);
    used_ += CMSG_SPACE(size);
  }

 private:
  // The fds, and around those of each a header and what aligns the next one.
  alignas(cmsghdr) char bytes_[CMSG_SPACE(sizeof(int) * kMaxFdsInDatagram) + kMaxDatagramsAtOnce * CMSG_SPACE(sizeof(int))]{};
  size_t used_ = 0;
};

size_t count_fds(const OutgoingDatagram* datagrams, size_t count) {
  size_t fds = 0;
  for (size_t i = 0; i < count; i++) fds += datagrams[i].fd_count;
  return fds;
}

void take_fds(msghdr& message, std::vector<UniqueFd>& fds) {
  for (cmsghdr* control = CMSG_FIRSTHDR(&message); control != nullptr; control = CMSG_NXTHDR(&message, control)) {
    if (control->cmsg_level != SOL_SOCKET || control->cmsg_type != SCM_RIGHTS) continue;
    const size_t count = (control->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (size_t i = 0; i < count; i++) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(control) + i * sizeof(int), sizeof(int));
      fds.emplace_back(fd);
    }
  }
}

// The last close of a socket would otherwise wait for as long as its sender likes. On anything else this is ENOTSOCK.
void stop_lingering(int fd) {
  const linger off{};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &off, sizeof(off));
}

}  // namespace

Received receive_datagram(int socket, uint8_t* buffer, size_t capacity, Datagram& datagram, size_t max_fds) {
  datagram.length = 0;
  datagram.fds.clear();

  ControlBuffer control{};
  iovec data{buffer, capacity};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes;
  message.msg_controllen = std::min(sizeof(control.bytes), CMSG_SPACE(sizeof(int) * max_fds));

  const ssize_t length =
      retry_interrupted([&] { return ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT); });
  if (length < 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK) return Received::kNothing;
    throw SystemError(errno, "recvmsg");
  }
  take_fds(message, datagram.fds);
  for (const UniqueFd& fd : datagram.fds) stop_lingering(fd.get());
  if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
    datagram.fds.clear();
    return Received::kTruncated;
  }
  if (length == 0) {
    datagram.fds.clear();
    return Received::kClosed;
  }
  datagram.length = static_cast<size_t>(length);
  return Received::kDatagram;
}

Peeked peek_datagram(int socket, uint8_t* buffer, size_t capacity, size_t& length) {
  iovec data{buffer, capacity};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  // Without a control buffer the kernel makes no fd, and says MSG_CTRUNC if there are any.
  const ssize_t peeked = retry_interrupted([&] { return ::recvmsg(socket, &message, MSG_PEEK | MSG_DONTWAIT); });
  if (peeked < 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK) return Peeked::kNothing;
    throw SystemError(errno, "recvmsg");
  }
  length = static_cast<size_t>(peeked);
  if ((message.msg_flags & MSG_CTRUNC) != 0) return Peeked::kCarriesFds;
  if ((message.msg_flags & MSG_TRUNC) != 0) return Peeked::kTooLarge;
  return peeked == 0 ? Peeked::kClosed : Peeked::kDatagram;
}

void consume_peeked(int socket) {
  check(retry_interrupted([&] { return ::recv(socket, nullptr, 0, MSG_DONTWAIT); }), "recv");
}

bool send_datagram(int socket, const OutgoingDatagram& datagram) { return send_datagrams(socket, &datagram, 1) == 1; }

size_t send_datagrams(int socket, const OutgoingDatagram* datagrams, size_t count) {
  if (count > kMaxDatagramsAtOnce || count_fds(datagrams, count) > kMaxFdsInDatagram) {
    throw SystemError(EINVAL, "sendmmsg");
  }
  ControlBuffers controls;
  iovec data[kMaxDatagramsAtOnce];
  mmsghdr messages[kMaxDatagramsAtOnce];
  for (size_t i = 0; i < count; i++) {
    // sendmmsg(2) reads from where iovec, which serves both directions, points without const.
    data[i] = {const_cast<uint8_t*>(datagrams[i].bytes), datagrams[i].length};
    messages[i] = {};
    messages[i].msg_hdr.msg_iov = &data[i];
    messages[i].msg_hdr.msg_iovlen = 1;
    if (datagrams[i].fd_count > 0) controls.attach(messages[i].msg_hdr, datagrams[i]);
  }
  const int sent = retry_interrupted(
      [&] { return ::sendmmsg(socket, messages, static_cast<unsigned>(count), MSG_NOSIGNAL | MSG_DONTWAIT); });
  if (sent >= 0) return static_cast<size_t>(sent);
  if (errno == EAGAIN || errno == EWOULDBLOCK) return 0;
  throw SystemError(errno, "sendmmsg");
}

}  // namespace dmabufd
