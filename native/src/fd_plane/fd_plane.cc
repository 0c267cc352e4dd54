#include "fd_plane/fd_plane.h"

#include <fcntl.h>

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <csignal>
#include <utility>

#include "kernel/system_error.h"

namespace dmabufd {
namespace {

// What an epoll event is about: the listener, the wake-up, or a session's socket (even) or pidfd (odd).
constexpr uint64_t kListenerTag = UINT64_MAX;
constexpr uint64_t kWakeTag = UINT64_MAX - 1;
constexpr uint64_t socket_tag(uint64_t session) { return session << 1; }
constexpr uint64_t pidfd_tag(uint64_t session) { return (session << 1) | 1; }

constexpr int kMaxEvents = 64;
// How many datagrams one session may have in a row before the others have their turn.
constexpr int kFairShare = 32;

// A thread of the daemon takes no signals: they are the main thread's.
std::thread start_without_signals(std::function<void()> run) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  std::thread thread(std::move(run));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

UniqueFd duplicate(const UniqueFd& fd) {
  if (!fd.valid()) return UniqueFd();
  return UniqueFd(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0));
}

}  // namespace

FdPlane::FdPlane(UniqueFd listener, size_t max_sessions, std::function<void()> on_events)
    : acceptor_(std::move(listener)),
      epoll_(check(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
      wake_(check(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")),
      max_sessions_(max_sessions),
      on_events_(std::move(on_events)) {
  watch(acceptor_.listener(), kListenerTag, EPOLLIN);
  watch(wake_.get(), kWakeTag, EPOLLIN);
  thread_ = start_without_signals([this] { run(); });
}

FdPlane::~FdPlane() { stop(); }

void FdPlane::stop() noexcept {
  if (!thread_.joinable()) return;
  stopping_ = true;
  ::eventfd_write(wake_.get(), 1);
  thread_.join();
  const Lock lock(mutex_);
  for (auto& [id, session] : sessions_) {
    session->dismiss(DMABUFD_FD_UNAVAILABLE, "the daemon stops");
    session->discard_unread();
  }
  sessions_.clear();
  events_.clear();
}

template <typename Action>
void FdPlane::with(uint64_t session, Action action) {
  const Lock lock(mutex_);
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) return;
  action(*found->second);
  rearm(*found->second);
}

void FdPlane::admit(uint64_t session, const uint8_t (&token)[DMABUFD_FD_TOKEN_BYTES]) {
  with(session, [&](Session& found) { found.welcome(token); });
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

void FdPlane::answer(uint64_t session, const AnswerHeader& header, const std::vector<uint8_t>& payload,
                     std::vector<SharedFd> fds) {
  with(session, [&](Session& found) { found.answer(header, payload, std::move(fds)); });
}

std::vector<FdPlaneEvent> FdPlane::take_events() {
  const Lock lock(mutex_);
  untaken_disconnects_ = 0;
  return std::exchange(events_, {});
}

void FdPlane::push(FdPlaneEvent event) {
  const bool first = events_.empty();
  events_.push_back(std::move(event));
  if (first) on_events_();
}

void FdPlane::watch(int fd, uint64_t tag, uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = tag;
  check(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
}

void FdPlane::rearm(Session& session) {
  const uint32_t wanted = session.wanted_events();
  if (wanted == session.armed_events()) return;
  epoll_event event{};
  event.events = wanted;
  event.data.u64 = socket_tag(session.id());
  check(::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, session.socket(), &event), "epoll_ctl");
  session.set_armed_events(wanted);
}

void FdPlane::run() {
  epoll_event events[kMaxEvents];
  while (!stopping_) {
    const int count =
        check(retry_interrupted([&] { return ::epoll_wait(epoll_.get(), events, kMaxEvents, -1); }), "epoll_wait");
    for (int i = 0; i < count; i++) handle(events[i].data.u64, events[i].events);
  }
}

void FdPlane::handle(uint64_t tag, uint32_t events) {
  if (tag == kWakeTag) return;  // only stop() wakes
  if (tag == kListenerTag) return accept_all();
  const Lock lock(mutex_);
  const auto found = sessions_.find(tag >> 1);
  if (found == sessions_.end()) return;  // ended by an event before this one
  Session& session = *found->second;
  if (tag == pidfd_tag(session.id())) return end(session, "the process has exited");
  if ((events & (EPOLLHUP | EPOLLERR)) != 0) return end(session, "the connection was closed");
  if ((events & EPOLLOUT) != 0) session.flush();
  if ((events & EPOLLIN) != 0) return read_from(session);
  rearm(session);
}

void FdPlane::accept_all() {
  for (int i = 0; i < kFairShare; i++) {
    UniqueFd connection = acceptor_.accept();
    if (!connection.valid()) return;
    try {
      accept_one(std::move(connection));
    } catch (const SystemError&) {
      // No fd left to watch or identify it with: the connection is closed, which is all that it can be told.
    }
  }
}

void FdPlane::accept_one(UniqueFd connection) {
  PeerCredentials peer = peer_credentials(connection.get());
  const Lock lock(mutex_);
  auto session = std::make_unique<Session>(++last_session_, std::move(connection), duplicate(peer.pidfd));
  if (sessions_.size() + untaken_disconnects_ >= max_sessions_) {
    session->dismiss(DMABUFD_FD_RESOURCE_EXHAUSTED,
                     "the daemon has its " + std::to_string(max_sessions_) + " sessions; try again later");
    session->discard_unread();
    return;
  }
  const uint64_t id = session->id();
  watch(session->socket(), socket_tag(id), 0);
  if (session->pidfd() >= 0) watch(session->pidfd(), pidfd_tag(id), EPOLLIN);
  sessions_.emplace(id, std::move(session));
  push({id, SessionConnected{std::move(peer)}});
}

void FdPlane::read_from(Session& session) {
  for (int i = 0; i < kFairShare && session.may_read(); i++) {
    Datagram datagram;
    try {
      switch (receive_datagram(session.socket(), buffer_, sizeof(buffer_), datagram)) {
        case Received::kNothing:
          return rearm(session);
        case Received::kClosed:
          return end(session, "the connection was closed");
        case Received::kTruncated:
          session.dismiss(DMABUFD_FD_FAILED_PRECONDITION,
                          "protocol violation: a datagram over " + std::to_string(sizeof(buffer_)) +
                              " bytes, or with fds that could not be received");
          break;
        case Received::kDatagram:
          take_request(session, datagram.length, std::move(datagram.fds));
      }
    } catch (const SystemError&) {
      return end(session, "the connection was reset");
    }
  }
  rearm(session);
}

void FdPlane::take_request(Session& session, size_t length, std::vector<UniqueFd> fds) {
  Request request{};
  const std::string violation = parse_request(buffer_, length, fds.size(), request);
  if (!violation.empty()) {
    return session.dismiss(DMABUFD_FD_FAILED_PRECONDITION, "protocol violation: " + violation);
  }
  if (request.opcode == DMABUFD_FD_FETCH) return session.fetch(request);
  if (request.opcode == DMABUFD_FD_RELEASE) {
    std::vector<uint64_t> released = session.release(request);
    if (!released.empty()) push({session.id(), LeasesReleased{std::move(released)}});
    return;
  }
  session.postpone();
  std::vector<uint8_t> payload(request.payload, request.payload + request.payload_length);
  push({session.id(), RequestReceived{request.opcode, request.serial, std::move(payload), std::move(fds)}});
}

void FdPlane::end(Session& session, const std::string& reason) {
  session.discard_unread();
  const uint64_t id = session.id();
  const std::string why = session.end_reason().empty() ? reason : session.end_reason();
  sessions_.erase(id);
  untaken_disconnects_++;
  push({id, SessionDisconnected{why}});
}

}  // namespace dmabufd
