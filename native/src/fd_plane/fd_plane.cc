#include "fd_plane/fd_plane.h"

#include <fcntl.h>

#include <sys/eventfd.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "fd_plane/quiet_thread.h"
#include "kernel/system_error.h"
#include "socket/look_ahead.h"

namespace dmabufd {
namespace {

// What an epoll event is about: the listener, stop(), the receiver, or a session's socket (even) or pidfd (odd).
constexpr uint64_t kListenerTag = UINT64_MAX;
constexpr uint64_t kWakeTag = UINT64_MAX - 1;
constexpr uint64_t kReceiverTag = UINT64_MAX - 2;
constexpr uint64_t socket_tag(uint64_t session) { return session << 1; }
constexpr uint64_t pidfd_tag(uint64_t session) { return (session << 1) | 1; }

constexpr int kMaxEvents = 64;
// How many connections are accepted in a row before the sessions have their turn.
constexpr int kAcceptedInARow = 32;
// How often it is looked at what waits for a thread of the receiver.
constexpr int kReviewMs = 1000;
// How many connections may wait for the main thread to take them. More wait in the listener's backlog.
constexpr size_t kMaxUntaken = 64;

UniqueFd duplicate(int fd) { return UniqueFd(check(::fcntl(fd, F_DUPFD_CLOEXEC, 0), "fcntl(F_DUPFD_CLOEXEC)")); }

UniqueFd duplicate(const UniqueFd& fd) { return fd.valid() ? duplicate(fd.get()) : UniqueFd(); }

}  // namespace

FdPlane::FdPlane(Listener listener, const FdPlaneLimits& limits, uint64_t first_session,
                 std::function<void()> on_events)
    : acceptor_(std::move(listener)),
      wake_(check(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")),
      limits_(limits),
      on_events_(std::move(on_events)),
      accounts_(limits.max_fds_in_flight_per_account),
      next_session_(first_session) {
  epoll_.add(acceptor_.listener(), kListenerTag, 0);
  epoll_.add(wake_.get(), kWakeTag, EPOLLIN);
  epoll_.add(receiver_.wake_fd(), kReceiverTag, EPOLLIN);
  thread_ = start_quiet_thread([this] { run(); });
}

FdPlane::~FdPlane() { stop(false); }

void FdPlane::stop(bool keeps_sessions) noexcept {
  if (!thread_.joinable()) return;
  stopping_ = true;
  ::eventfd_write(wake_.get(), 1);
  thread_.join();
  const Lock lock(mutex_);
  for (auto& [id, session] : sessions_) {
    if (keeps_sessions) continue;
    session->dismiss(DMABUFD_FD_UNAVAILABLE, "the daemon stops");
    receiver_.dispose(session->user(), session->shared_socket());
  }
  sessions_.clear();
  abandoned_.clear();
  if (!keeps_sessions) bookings_.clear();
  connections_.clear();
  requests_.clear();
}

template <typename Action>
void FdPlane::with(uint64_t session, Action action) {
  const Lock lock(mutex_);
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) return;
  action(*found->second);
  settle(*found->second);
}

void FdPlane::admit(uint64_t session, const uint8_t (&token)[DMABUFD_FD_TOKEN_BYTES], const std::string& account) {
  with(session, [&](Session& found) {
    std::shared_ptr<Account> charged = accounts_.of(account);
    if (!charged->has_too_many_abandoned()) return found.welcome(token, std::move(charged));
    found.dismiss(DMABUFD_FD_RESOURCE_EXHAUSTED,
                  "too many ended connections of " + account + " still have fds that were not received: close them first");
  });
}

void FdPlane::open() {
  const Lock lock(mutex_);
  open_ = true;
  rearm_listener();
}

PeerCredentials FdPlane::resume(uint64_t session, UniqueFd socket) {
  PeerCredentials peer = peer_credentials(socket.get());
  // The earlier process may have been interrupted anywhere, and have looked at anything.
  look_from_the_first(socket.get());
  const Lock lock(mutex_);
  Session& resumed =
      enter(std::make_unique<Session>(session, peer.uid, share(std::move(socket)), duplicate(peer.pidfd)));
  resumed.set_heard_of();
  resumed.set_pace(Pace::kSinglyUntilEmpty);
  return peer;
}

void FdPlane::readmit(uint64_t session, const std::string& account) {
  with(session, [&](Session& found) { found.welcome_back(accounts_.of(account)); });
}

UniqueFd FdPlane::duplicate_socket(uint64_t session) {
  const Lock lock(mutex_);
  const auto found = sessions_.find(session);
  return found == sessions_.end() ? UniqueFd() : duplicate(found->second->socket());
}

void FdPlane::dismiss(uint64_t session, uint32_t status, const std::string& reason) {
  with(session, [&](Session& found) { found.dismiss(status, reason); });
}

void FdPlane::put_lease(uint64_t session, uint64_t buffer_id, TableRow row) {
  with(session, [&](Session& found) { found.put(buffer_id, std::move(row)); });
}

void FdPlane::drop_lease(uint64_t session, uint64_t buffer_id) {
  with(session, [&](Session& found) { found.drop(buffer_id); });
}

void FdPlane::revoke_lease(uint64_t session, uint64_t buffer_id) {
  with(session, [&](Session& found) { found.revoke(buffer_id); });
}

void FdPlane::answer(uint64_t session, const AnswerHeader& header, const std::vector<uint8_t>& payload,
                     std::vector<SharedFd> fds) {
  with(session, [&](Session& found) { found.answer(header, payload, std::move(fds)); });
}

std::vector<FdPlaneBooking> FdPlane::take_bookings() {
  const Lock lock(mutex_);
  unbooked_ends_ = 0;
  return std::exchange(bookings_, {});
}

std::vector<FdPlaneArrival> FdPlane::take_arrivals(size_t most) {
  const Lock lock(mutex_);
  signalled_ = false;
  std::vector<FdPlaneArrival> taken;
  // In turns, so that a storm of either does not keep the other waiting.
  while (taken.size() < most && !(connections_.empty() && requests_.empty())) {
    if (!connections_.empty()) take_connection(taken);
    if (!requests_.empty() && taken.size() < most) take_request(taken);
  }
  rearm_listener();
  // Bookings too: those that came since take_bookings() found the signal given.
  if (!bookings_.empty() || !connections_.empty() || !requests_.empty()) signal();
  return taken;
}

void FdPlane::take_connection(std::vector<FdPlaneArrival>& taken) {
  Connection next = std::move(connections_.front());
  connections_.pop_front();
  Session& session = *sessions_.at(next.session);
  const size_t heard_of = sessions_.size() - connections_.size() + abandoned_.size() + unbooked_ends_;
  if (heard_of > limits_.max_sessions) {
    return session.dismiss(DMABUFD_FD_RESOURCE_EXHAUSTED, "the daemon has its " + std::to_string(limits_.max_sessions) +
                                                              " sessions; try again later");
  }
  session.set_heard_of();
  taken.push_back({next.session, SessionConnected{std::move(next.peer)}});
}

void FdPlane::take_request(std::vector<FdPlaneArrival>& taken) {
  const uint64_t id = requests_.take();
  Session& session = *sessions_.at(id);
  taken.push_back({id, session.take_postponed()});
  if (session.has_postponed()) requests_.join(session.account(), id);
}

void FdPlane::signal() {
  if (signalled_) return;
  signalled_ = true;
  on_events_();
}

// A thread of the receiver may keep the connection open for longer: it is watched no more.
void FdPlane::dispose(uid_t user, const SharedFd& socket) {
  epoll_.remove(socket->get());
  receiver_.dispose(user, socket);
}

// Every change to a session ends here: what it was made to say is sent.
void FdPlane::settle(Session& session) {
  session.flush();
  const uint32_t wanted = session.wanted_events();
  if (wanted == session.armed_events()) return;
  epoll_.change(session.socket(), socket_tag(session.id()), wanted);
  session.set_armed_events(wanted);
}

void FdPlane::run() {
  epoll_event events[kMaxEvents];
  while (!stopping_) {
    const int timeout = receiver_.has_waiting() ? kReviewMs : -1;
    const int count = epoll_.wait(events, timeout);
    for (int i = 0; i < count; i++) handle(events[i].data.u64, events[i].events);
    if (timeout >= 0) give_up_receives();
  }
}

void FdPlane::handle(uint64_t tag, uint32_t events) {
  if (tag == kWakeTag) return;  // only stop() wakes
  if (tag == kListenerTag) return accept_all();
  if (tag == kReceiverTag) return take_deliveries();
  const Lock lock(mutex_);
  const auto found = sessions_.find(tag >> 1);
  if (found == sessions_.end()) return recount(tag >> 1);
  Session& session = *found->second;
  if (tag == pidfd_tag(session.id())) return end(session, "the process has exited");
  if ((events & (EPOLLHUP | EPOLLERR)) != 0) return end(session, "the connection was closed");
  if ((events & EPOLLIN) != 0) return read_from(session);
  settle(session);
}

void FdPlane::accept_all() {
  for (int i = 0; i < kAcceptedInARow && accepts_now(); i++) {
    try {
      UniqueFd connection = acceptor_.accept();
      if (!connection.valid()) return;
      accept_one(share(std::move(connection)));
    } catch (const SystemError&) {
      return;  // nothing that this connection could be told about; the next one has its own turn
    }
  }
}

void FdPlane::accept_one(const SharedFd& socket) {
  try {
    add_session(socket);
  } catch (const SystemError&) {
    // It was gone before it could be identified, or there is no fd left to watch it with.
    dispose(peer_uid(socket->get()), socket);
  }
}

void FdPlane::add_session(const SharedFd& socket) {
  PeerCredentials peer = peer_credentials(socket->get());
  const Lock lock(mutex_);
  auto session = std::make_unique<Session>(next_session_++, peer.uid, socket, duplicate(peer.pidfd));
  if (receiver_.is_clogged(peer.uid)) {
    session->dismiss(DMABUFD_FD_RESOURCE_EXHAUSTED, "what earlier connections of uid " + std::to_string(peer.uid) +
                                                        " brought is still being closed; try again later");
    return receiver_.dispose(peer.uid, socket);
  }
  connections_.push_back({enter(std::move(session)).id(), std::move(peer)});
  rearm_listener();
  signal();
}

Session& FdPlane::enter(std::unique_ptr<Session> session) {
  const uint64_t id = session->id();
  if (sessions_.count(id) != 0) throw SystemError(EEXIST, "session");
  epoll_.add(session->socket(), socket_tag(id), 0);
  if (session->pidfd() >= 0) epoll_.add(session->pidfd(), pidfd_tag(id), EPOLLIN);
  return *sessions_.emplace(id, std::move(session)).first->second;
}

bool FdPlane::accepts() const { return open_ && connections_.size() < kMaxUntaken; }

bool FdPlane::accepts_now() {
  const Lock lock(mutex_);
  return accepts();
}

void FdPlane::rearm_listener() {
  const bool wanted = accepts();
  if (wanted == listener_armed_) return;
  epoll_.change(acceptor_.listener(), kListenerTag, wanted ? EPOLLIN : 0U);
  listener_armed_ = wanted;
}

void FdPlane::read_from(Session& session) {
  try {
    switch (reader_.read(session, [&](const Request& request) { serve(session, request, {}); })) {
      case RequestReader::Stop::kForNow:
        break;
      case RequestReader::Stop::kAtFds:
        receive_elsewhere(session);
        break;
      case RequestReader::Stop::kAtTheEnd:
        return end(session, "the connection was closed");
    }
  } catch (const SystemError&) {
    return end(session, "the connection was reset");
  }
  settle(session);
}

void FdPlane::receive_elsewhere(Session& session) {
  receiver_.receive(session.id(), session.user(), session.shared_socket());
  session.set_receiving(true);
}

void FdPlane::give_up_receives() {
  for (const uint64_t session : receiver_.give_up()) {
    dismiss(session, DMABUFD_FD_RESOURCE_EXHAUSTED,
            "the files that other processes of this user sent do not let go of the daemon; try again later");
  }
}

void FdPlane::take_deliveries() {
  for (Delivery& delivery : receiver_.take()) {
    const Lock lock(mutex_);
    const auto found = sessions_.find(delivery.session);
    if (found != sessions_.end()) take_delivery(*found->second, delivery);
    receiver_.close(delivery.user, std::move(delivery.fds));  // those that nobody wants
  }
}

void FdPlane::take_delivery(Session& session, Delivery& delivery) {
  session.set_receiving(false);
  if (delivery.outcome == Received::kClosed) return end(session, "the connection was closed");
  if (delivery.outcome == Received::kTruncated) {
    dismiss_violator(session, "a datagram over " + std::to_string(DMABUFD_FD_MAX_DATAGRAM) +
                                  " bytes, or with fds that could not be received");
  } else if (delivery.outcome == Received::kDatagram) {
    Request request{};
    const std::string violation =
        parse_request(delivery.bytes.data(), delivery.bytes.size(), delivery.fd_count, request);
    if (!violation.empty()) {
      dismiss_violator(session, violation);
    } else if (!delivery.other_kind.empty()) {
      session.refuse(request, DMABUFD_FD_INVALID_ARGUMENT,
                     "the fd is " + delivery.other_kind +
                         "; it must be a dma-buf or a memfd sealed with F_SEAL_SHRINK (ADOPT), or a sync_file "
                         "(IMPORT_FENCE)");
    } else {
      serve(session, request, std::exchange(delivery.fds, {}));
    }
  }
  settle(session);
}

void FdPlane::serve(Session& session, const Request& request, std::vector<UniqueFd> fds) {
  if (request.opcode == DMABUFD_FD_FETCH) return session.fetch(request);
  if (request.opcode == DMABUFD_FD_RELEASE) {
    std::vector<uint64_t> released = session.release(request);
    if (released.empty()) return;
    bookings_.push_back({session.id(), LeasesReleased{std::move(released)}});
    return signal();
  }
  std::vector<uint8_t> payload(request.payload, request.payload + request.payload_length);
  if (!session.has_postponed()) requests_.join(session.account(), session.id());
  session.postpone({request.opcode, request.serial, std::move(payload), std::move(fds)});
  signal();
}

void FdPlane::end(Session& session, const std::string& reason) {
  const uint64_t id = session.id();
  const bool heard_of = session.is_heard_of();
  const std::string why = session.end_reason().empty() ? reason : session.end_reason();
  dispose(session.user(), session.shared_socket());
  if (session.has_postponed()) {
    requests_.leave(session.account(), id);
    receiver_.close(session.user(), session.take_postponed_fds());
  }
  await_arrival(id, session.take_fds_in_flight());
  sessions_.erase(id);
  // Of a session that the main thread has not heard of it never hears: whoever only connects and leaves costs it nothing.
  if (!heard_of) return forget_connection(id);
  unbooked_ends_++;
  bookings_.push_back({id, SessionDisconnected{why}});
  signal();
}

// What a client has not received stays charged to its account, or reconnecting would be all it takes to have more. Receiving
// it, or closing its end, makes the connection writable: each time counts, so edge-triggered.
void FdPlane::await_arrival(uint64_t session, std::unique_ptr<FdsInFlight> fds) {
  if (fds == nullptr || fds->recount()) return;
  epoll_.add(fds->connection(), socket_tag(session), EPOLLOUT | EPOLLET);
  fds->abandon();
  abandoned_.emplace(session, std::move(fds));
}

void FdPlane::recount(uint64_t ended_session) {
  const auto found = abandoned_.find(ended_session);
  if (found != abandoned_.end() && found->second->recount()) abandoned_.erase(found);
}

void FdPlane::forget_connection(uint64_t session) {
  const auto is_of = [&](const Connection& connection) { return connection.session == session; };
  const auto found = std::find_if(connections_.begin(), connections_.end(), is_of);
  if (found == connections_.end()) return;  // it was refused
  connections_.erase(found);
  rearm_listener();
}

}  // namespace dmabufd
