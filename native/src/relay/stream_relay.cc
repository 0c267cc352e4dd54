#include "relay/stream_relay.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <system_error>
#include <utility>

#include "fd_plane/quiet_thread.h"
#include "kernel/system_error.h"

namespace dmabufd {
namespace {

constexpr int kMaxEvents = 64;

// What an epoll event is about.
constexpr uint64_t tag_of(uint64_t connection, RelayedConnection::Side side) { return (connection << 1) | side; }
constexpr uint64_t connection_of(uint64_t tag) { return tag >> 1; }
constexpr RelayedConnection::Side side_of(uint64_t tag) { return static_cast<RelayedConnection::Side>(tag & 1); }

std::pair<UniqueFd, UniqueFd> make_socketpair() {
  int ends[2] = {-1, -1};
  check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), "socketpair");
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

}  // namespace

StreamRelay::~StreamRelay() {
  {
    const Lock lock(mutex_);
    // The thread finds them hung up.
    for (auto& [id, connection] : connections_) ::shutdown(connection->socket(RelayedConnection::kStandIn), SHUT_RDWR);
  }
  if (thread_.joinable()) thread_.join();
}

UniqueFd StreamRelay::relay(ClientSocket client) {
  auto [given, kept] = make_socketpair();
  keep_little_in(given.get());
  auto connection = std::make_unique<RelayedConnection>(std::move(client), std::move(kept));
  const Lock lock(mutex_);
  if (!runs_) epoll_ = UniqueFd(check(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1"));
  const uint64_t id = ++last_connection_;
  arm(EPOLL_CTL_ADD, id, *connection, RelayedConnection::kClient);
  arm(EPOLL_CTL_ADD, id, *connection, RelayedConnection::kStandIn);
  if (!runs_) start();
  connections_.emplace(id, std::move(connection));
  return std::move(given);
}

void StreamRelay::start() {
  // The thread before has said that it ends.
  if (thread_.joinable()) thread_.join();
  try {
    thread_ = start_quiet_thread([this, epoll = epoll_.get()] { run(epoll); });
  } catch (const std::system_error& failure) {
    throw SystemError(failure.code().value(), "pthread_create");
  }
  runs_ = true;
}

void StreamRelay::run(int epoll) {
  epoll_event events[kMaxEvents];
  for (;;) {
    const int count = check(retry_interrupted([&] { return ::epoll_wait(epoll, events, kMaxEvents, -1); }), "epoll_wait");
    const Lock lock(mutex_);
    for (int i = 0; i < count; i++) handle(events[i].data.u64, events[i].events);
    if (!connections_.empty()) continue;
    epoll_.reset();
    runs_ = false;
    return;
  }
}

void StreamRelay::handle(uint64_t tag, uint32_t events) {
  const uint64_t id = connection_of(tag);
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;  // ended by an event before this one
  RelayedConnection& connection = *found->second;
  if (!connection.handle(side_of(tag), events)) {
    connections_.erase(found);
    return;
  }
  rearm(id, connection, RelayedConnection::kClient);
  rearm(id, connection, RelayedConnection::kStandIn);
}

void StreamRelay::rearm(uint64_t id, RelayedConnection& connection, Side side) {
  if (connection.wanted_events(side) != connection.armed_events(side)) arm(EPOLL_CTL_MOD, id, connection, side);
}

void StreamRelay::arm(int operation, uint64_t id, RelayedConnection& connection, Side side) {
  epoll_event event{};
  event.events = connection.wanted_events(side);
  event.data.u64 = tag_of(id, side);
  check(::epoll_ctl(epoll_.get(), operation, connection.socket(side), &event), "epoll_ctl");
  connection.set_armed_events(side, event.events);
}

}  // namespace dmabufd
