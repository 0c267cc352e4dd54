#include "fd_plane/receiver.h"

#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <system_error>
#include <utility>

#include "dmabufd_fd.h"
#include "fd_plane/quiet_thread.h"
#include "kernel/fd_description.h"
#include "kernel/system_error.h"

namespace dmabufd {
namespace {

const char* kind_for_people(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) < 0) return "a file that cannot be looked at";
  switch (status.st_mode & S_IFMT) {
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

// Empty if closing the fd, or asking about it, can never block.
std::string harm_in(int fd) {
  try {
    if (describe_fd(fd).kind != FdKind::kOther) return {};
  } catch (const SystemError&) {
    return "a file that cannot be looked at";
  }
  return kind_for_people(fd);
}

Delivery receive_one(uint64_t session, int socket) {
  Delivery delivery;
  delivery.session = session;
  delivery.bytes.resize(DMABUFD_FD_MAX_DATAGRAM);
  Datagram datagram;
  try {
    delivery.outcome = receive_datagram(socket, delivery.bytes.data(), delivery.bytes.size(), datagram);
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

// Reads what the client has sent and not been heard for, since closing a Unix socket with unread data makes the client lose the
// GOODBYE to an ECONNRESET. The socket is shut down, so nothing new comes.
void discard_unread(int socket) {
  std::vector<uint8_t> bytes(DMABUFD_FD_MAX_DATAGRAM);
  Datagram datagram;
  try {
    for (;;) {
      const Received received = receive_datagram(socket, bytes.data(), bytes.size(), datagram);
      if (received == Received::kNothing || received == Received::kClosed) return;
    }
  } catch (const SystemError&) {
    // The peer is gone, and nothing of its is left to read.
  }
}

bool has_unread(int socket) {
  uint8_t byte = 0;
  size_t length = 0;
  try {
    const Peeked peeked = peek_datagram(socket, &byte, sizeof(byte), length);
    return peeked != Peeked::kNothing && peeked != Peeked::kClosed;
  } catch (const SystemError&) {
    return false;
  }
}

}  // namespace

struct Receiver::State {
  const UniqueFd wake{check(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")};
  std::mutex mutex;
  std::vector<Delivery> deliveries;  // guarded by mutex
  std::vector<SharedFd> undisposed;  // guarded by mutex; sockets for which there was no thread
  size_t busy = 0;                   // guarded by mutex

  void deliver(Delivery delivery) {
    const std::lock_guard<std::mutex> lock(mutex);
    deliveries.push_back(std::move(delivery));
    ::eventfd_write(wake.get(), 1);
  }

  void finished() {
    const std::lock_guard<std::mutex> lock(mutex);
    busy--;
  }

  // Runs `work` on a thread of its own, which counts as busy until it ends.
  template <typename Work>
  static void run(const std::shared_ptr<State>& state, Work work) {
    {
      const std::lock_guard<std::mutex> lock(state->mutex);
      state->busy++;
    }
    try {
      start_quiet_thread([state, work = std::move(work)]() mutable {
        work(*state);
        state->finished();
      }).detach();
    } catch (const std::system_error&) {
      state->finished();
      throw;
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

void Receiver::receive(uint64_t session, SharedFd socket) {
  State::run(state_, [session, socket = std::move(socket)](State& state) mutable {
    state.deliver(receive_one(session, socket->get()));
    socket.reset();
  });
}

void Receiver::dispose(SharedFd socket) {
  ::shutdown(socket->get(), SHUT_RDWR);
  if (!has_unread(socket->get())) return;
  const SharedFd kept = socket;
  try {
    State::run(state_, [socket = std::move(socket)](State&) mutable {
      discard_unread(socket->get());
      socket.reset();
    });
  } catch (const std::system_error&) {
    // Better a descriptor that is never closed than a daemon that a client can stop.
    const std::lock_guard<std::mutex> lock(state_->mutex);
    state_->undisposed.push_back(kept);
  }
}

size_t Receiver::busy() const {
  const std::lock_guard<std::mutex> lock(state_->mutex);
  return state_->busy + state_->undisposed.size();
}

}  // namespace dmabufd
