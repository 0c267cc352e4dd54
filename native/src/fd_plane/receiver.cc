#include "fd_plane/receiver.h"

#include <fcntl.h>

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <mutex>
#include <optional>
#include <system_error>
#include <unordered_map>
#include <utility>

#include "dmabufd_fd.h"
#include "kernel/interrupts.h"
#include "fd_plane/quiet_thread.h"
#include "kernel/fd_description.h"
#include "kernel/system_error.h"
#include "socket/look_ahead.h"

namespace dmabufd {
namespace {

using Clock = std::chrono::steady_clock;

// How many threads one user may keep busy.
constexpr size_t kMaxThreads = 16;
// How much may wait for them before the user is told to stop.
constexpr size_t kMaxWaiting = 64;
constexpr std::chrono::seconds kPatience{1};
// No request has more than one. A second has a message of its own; with room for all, a few clients could have the daemon
// open as many fds as it may.
constexpr size_t kMostFdsTaken = 2;
// Of a client that sends without being heard, more datagrams than fit into a socket's buffer by default.
constexpr unsigned kDiscardedAtOnce = 512;

const char* kind_for_people(int fd) {
  switch (file_type(fd)) {
    case S_IFREG:
      return "a regular file";
    case S_IFDIR:
      return "a directory";
    case S_IFCHR:
      return "a character device";
    case S_IFBLK:
      return "a block device";
    case S_IFIFO:
      return "a pipe";
    case S_IFSOCK:
      return "a socket";
    default:
      return "an anonymous file of another kind";
  }
}

// Empty if closing the fd, or asking about it, can never block, and it is not useless anyway.
std::string harm_in(int fd) {
  try {
    const FdDescription found = describe_fd(fd);
    if (found.kind == FdKind::kOther) return kind_for_people(fd);
    if (found.kind != FdKind::kMemfd || (found.seals & F_SEAL_SHRINK) != 0) return {};
    return "a memfd without F_SEAL_SHRINK, which could be cut under its readers";
  } catch (const SystemError&) {
    return "a file that cannot be looked at";
  }
}

Delivery receive_one(uint64_t session, uid_t user, int socket) {
  Delivery delivery;
  delivery.session = session;
  delivery.user = user;
  delivery.bytes.resize(DMABUFD_FD_MAX_DATAGRAM);
  Datagram datagram;
  try {
    delivery.outcome =
        receive_datagram(socket, delivery.bytes.data(), delivery.bytes.size(), datagram, kMostFdsTaken);
  } catch (const SystemError&) {
    delivery.outcome = Received::kClosed;
  }
  delivery.bytes.resize(datagram.length);
  delivery.fd_count = datagram.fds.size();
  for (UniqueFd& fd : datagram.fds) {
    std::string harm = harm_in(fd.get());
    if (harm.empty()) {
      delivery.fds.push_back(std::move(fd));
    } else {
      delivery.other_kind = std::move(harm);
      fd.reset();
    }
  }
  return delivery;
}

// Also an empty datagram is unread, and other than the end of the connection it comes with its sender's credentials when
// SO_PASSCRED asks for them. They have no room here: MSG_CTRUNC.
bool has_unread(int socket) {
  const int on = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on));
  look_from_the_first(socket);
  msghdr message{};
  ssize_t peeked = ::recvmsg(socket, &message, MSG_PEEK | MSG_DONTWAIT);
  // ECONNRESET is told once, before what the peer has sent.
  while (peeked < 0 && (errno == EINTR || errno == ECONNRESET)) {
    peeked = ::recvmsg(socket, &message, MSG_PEEK | MSG_DONTWAIT);
  }
  return peeked >= 0 && (message.msg_flags & MSG_CTRUNC) != 0;
}

// Reads what the client has sent and not been heard for, since closing a Unix socket with unread data makes the client lose the
// GOODBYE to an ECONNRESET. The socket is shut down, so nothing new comes. Without a control buffer no fd comes into
// being: the kernel drops the files, all at the end of one call, so that an interrupt of one wait is one of all.
void discard_unread(int socket) {
  std::vector<mmsghdr> messages(kDiscardedAtOnce);
  while (has_unread(socket)) {
    if (::recvmmsg(socket, messages.data(), kDiscardedAtOnce, MSG_DONTWAIT, nullptr) < 0) return;
  }
}

}  // namespace

// A session's datagram to be received, a socket to be disposed of, or fds to be closed: that happens at its end.
struct Receiver::Job {
  std::optional<uint64_t> session;
  SharedFd socket;
  std::vector<UniqueFd> fds;

  bool is_receive() const { return session.has_value(); }
};

struct Receiver::State {
  // The threads of one user, and what waits for one of them.
  struct Share {
    size_t threads = 0;
    std::deque<Job> waiting;
    Clock::time_point last_taken = Clock::now();
  };

  const UniqueFd wake{check(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")};
  std::mutex mutex;
  std::vector<Delivery> deliveries;         // guarded by mutex
  std::unordered_map<uid_t, Share> shares;  // guarded by mutex; of users of whom there is a thread, or something waits

  void deliver(Delivery delivery) {
    const std::lock_guard<std::mutex> lock(mutex);
    deliveries.push_back(std::move(delivery));
    ::eventfd_write(wake.get(), 1);
  }

  // The next job of a thread. None: the thread is to end, and counts no more.
  std::optional<Job> take_job(uid_t user) {
    const std::lock_guard<std::mutex> lock(mutex);
    const auto found = shares.find(user);
    Share& share = found->second;
    if (share.waiting.empty()) {
      if (--share.threads == 0) shares.erase(found);
      return std::nullopt;
    }
    Job job = std::move(share.waiting.front());
    share.waiting.pop_front();
    share.last_taken = Clock::now();
    return job;
  }

  void perform(uid_t user, const Job& job) {
    if (job.is_receive()) return deliver(receive_one(*job.session, user, job.socket->get()));
    if (job.socket != nullptr) discard_unread(job.socket->get());
  }

  // Called with the mutex held. Where there is no thread to be had, what waits goes on waiting.
  static void hire(const std::shared_ptr<State>& state, uid_t user, Share& share) {
    if (share.threads >= kMaxThreads) return;
    try {
      start_quiet_thread([state, user] {
        const Interrupts interrupts;
        while (const std::optional<Job> job = state->take_job(user)) state->perform(user, *job);
      }).detach();
      share.threads++;
    } catch (const std::system_error&) {
      // give_up() tries again.
    }
  }
};

Receiver::Receiver() : state_(std::make_shared<State>()) {}

int Receiver::wake_fd() const { return state_->wake.get(); }

std::vector<Delivery> Receiver::take() {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  eventfd_t count = 0;
  ::eventfd_read(state_->wake.get(), &count);
  return std::exchange(state_->deliveries, {});
}

void Receiver::receive(uint64_t session, uid_t user, SharedFd socket) { start(user, {session, std::move(socket), {}}); }

void Receiver::close(uid_t user, std::vector<UniqueFd> fds) {
  if (!fds.empty()) start(user, {std::nullopt, nullptr, std::move(fds)});
}

void Receiver::dispose(uid_t user, const SharedFd& socket) {
  ::shutdown(socket->get(), SHUT_RDWR);
  if (has_unread(socket->get())) start(user, {std::nullopt, socket, {}});
}

void Receiver::start(uid_t user, Job job) {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  State::Share& share = state_->shares[user];
  share.waiting.push_back(std::move(job));
  State::hire(state_, user, share);
}

bool Receiver::has_waiting() const {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  return std::any_of(state_->shares.begin(), state_->shares.end(),
                     [](const auto& share) { return !share.second.waiting.empty(); });
}

std::vector<uint64_t> Receiver::give_up() {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  std::vector<uint64_t> given_up;
  for (auto& [user, share] : state_->shares) {
    if (share.waiting.empty() || Clock::now() - share.last_taken < kPatience) continue;
    if (share.threads < kMaxThreads) {
      State::hire(state_, user, share);
      continue;
    }
    const auto receives = std::stable_partition(share.waiting.begin(), share.waiting.end(),
                                                [](const Job& job) { return !job.is_receive(); });
    for (auto job = receives; job != share.waiting.end(); job++) given_up.push_back(*job->session);
    share.waiting.erase(receives, share.waiting.end());
  }
  return given_up;
}

bool Receiver::is_clogged(uid_t user) const {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  const auto share = state_->shares.find(user);
  return share != state_->shares.end() && share->second.waiting.size() >= kMaxWaiting;
}

}  // namespace dmabufd
