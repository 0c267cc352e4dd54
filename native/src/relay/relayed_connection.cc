#include "relay/relayed_connection.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include "kernel/system_error.h"
#include "socket/byte_stream.h"

namespace dmabufd {
namespace {

// How often one direction may receive or send in a row before the other connections have their turn.
constexpr int kFairShare = 16;

constexpr RelayedConnection::Side other(RelayedConnection::Side side) {
  return side == RelayedConnection::kClient ? RelayedConnection::kStandIn : RelayedConnection::kClient;
}

// So that all which waits in the socket before this one fits into it beside what is there (keep_little_in()).
void make_room(int socket) {
  const int bytes = 1 << 20;  // the kernel makes it net.core.wmem_max at most, twice
  (void)::setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

}  // namespace

void keep_little_in(int socket) {
  const int bytes = 32 * 1024;  // the kernel takes it twice, and half as much again for the last piece
  (void)::setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

bool Flow::step(int from, int to) {
  if (begin_ < end_) {
    const size_t sent = send_bytes(to, buffer_ + begin_, end_ - begin_);
    begin_ += sent;
    return sent > 0;
  }
  begin_ = end_ = 0;
  switch (receive_bytes(from, buffer_, sizeof(buffer_), end_)) {
    case ReceivedBytes::kSome:
      return true;
    case ReceivedBytes::kNone:
      return false;
    case ReceivedBytes::kEnd:
      closed_ = true;
      ::shutdown(to, SHUT_WR);
      return false;
  }
  return false;
}

RelayedConnection::RelayedConnection(ClientSocket client, UniqueFd stand_in)
    : client_(std::move(client)), stand_in_(std::move(stand_in)) {
  receive_out_of_band_in_line(client_.get());
  keep_little_in(client_.get());
  keep_little_in(stand_in_.get());
}

bool RelayedConnection::handle(Side side, uint32_t events) {
  if ((events & (EPOLLHUP | EPOLLERR)) != 0) {
    // Nothing can be sent to this side any more, and all that it ever sent is here. The other side takes it now, as if it
    // were connected without a relay, and not later: nobody counts this connection any more.
    pass_on_the_rest(side);
    return false;
  }
  try {
    if ((events & EPOLLIN) != 0) pass_on(side);
    if ((events & EPOLLOUT) != 0) pass_on(other(side));
  } catch (const SystemError&) {
    return false;
  }
  return !(flow_from(kClient).closed() && flow_from(kStandIn).closed());
}

uint32_t RelayedConnection::wanted_events(Side side) const {
  uint32_t events = 0;  // EPOLLHUP and EPOLLERR always come
  if (flow_from(side).wants_input()) events |= EPOLLIN;
  if (flow_from(other(side)).wants_output()) events |= EPOLLOUT;
  return events;
}

void RelayedConnection::pass_on(Side from) {
  Flow& flow = flow_from(from);
  for (int i = 0; i < kFairShare && !flow.closed(); i++) {
    if (!flow.step(socket(from), socket(other(from)))) return;
  }
}

void RelayedConnection::pass_on_the_rest(Side from) noexcept {
  Flow& flow = flow_from(from);
  make_room(socket(other(from)));
  try {
    while (!flow.closed() && flow.step(socket(from), socket(other(from)))) continue;
  } catch (const SystemError&) {
    // The other side has gone, too, or what is left carries fds.
  }
}

}  // namespace dmabufd
