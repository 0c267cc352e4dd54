// Hammers the fd plane from all sides at once, for ThreadSanitizer to watch: its own thread and the receiver's, a main
// thread that takes and answers, another that changes the table and dismisses, clients of every manner, and stop() in the
// middle of it.
//
//     fd_plane_race SECONDS
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "fd_plane/fd_plane.h"
#include "kernel/memfd.h"
#include "kernel/system_error.h"
#include "socket/datagram.h"
#include "socket/unix_socket.h"

namespace dmabufd {
namespace {

using Clock = std::chrono::steady_clock;
using Random = std::minstd_rand;

constexpr auto kLifeOfAPlane = std::chrono::milliseconds(300);
constexpr int kClients = 6;
constexpr size_t kMaxSessions = 4;  // fewer than clients: some are refused
constexpr size_t kMaxFdsInFlight = 4096;
constexpr uint64_t kBuffers = 4;
constexpr int kPatienceMs = 1000;

struct Tally {
  std::atomic<uint64_t> planes{0};
  std::atomic<uint64_t> sessions{0};
  std::atomic<uint64_t> fetched{0};
  std::atomic<uint64_t> answered{0};
};

uint32_t below(Random& random, uint32_t bound) { return static_cast<uint32_t>(random() % bound); }

// What the daemon's side knows, and its two threads share.
class Daemon {
 public:
  Daemon(const std::string& path, Tally& tally)
      : tally_(tally), plane_({listen_unix(SOCK_SEQPACKET, path, 0600)}, {kMaxSessions, kMaxFdsInFlight}, 1, [this] { wake(); }) {
    plane_.open();
  }

  // The main thread's part.
  void serve(Clock::time_point until) {
    while (Clock::now() < until) {
      wait();
      for (const FdPlaneBooking& booking : plane_.take_bookings()) last_session_ = booking.session;
      for (FdPlaneArrival& arrival : plane_.take_arrivals(8)) handle(arrival);
    }
    plane_.stop(false);
  }

  // The other's: all that is allowed at any time, also for sessions that have ended.
  void meddle(Random random, Clock::time_point until) {
    while (Clock::now() < until) {
      const uint64_t session = 1 + below(random, static_cast<uint32_t>(last_session_) + 1);
      const uint64_t buffer = below(random, kBuffers);
      switch (below(random, 16)) {
        case 0:
          plane_.dismiss(session, DMABUFD_FD_UNAVAILABLE, "it is time");
          break;
        case 1:
          plane_.drop_lease(session, buffer);
          break;
        case 2:
          plane_.revoke_lease(session, buffer);
          break;
        default:
          plane_.put_lease(session, buffer, row());
          std::this_thread::sleep_for(std::chrono::microseconds(200));
      }
    }
  }

 private:
  void wake() {
    const std::lock_guard<std::mutex> lock(mutex_);
    woken_ = true;
    condition_.notify_one();
  }

  void wait() {
    std::unique_lock<std::mutex> lock(mutex_);
    condition_.wait_for(lock, std::chrono::milliseconds(10), [this] { return woken_; });
    woken_ = false;
  }

  TableRow row() const { return {buffer_, 4096, DMABUFD_FD_READ | DMABUFD_FD_WRITE}; }

  void handle(FdPlaneArrival& arrival) {
    last_session_ = arrival.session;
    if (std::holds_alternative<SessionConnected>(arrival.what)) {
      const uint8_t token[DMABUFD_FD_TOKEN_BYTES] = {};
      for (uint64_t id = 0; id < kBuffers; id++) plane_.put_lease(arrival.session, id, row());
      plane_.admit(arrival.session, token, "race");
      tally_.sessions++;
      return;
    }
    const auto& request = std::get<RequestReceived>(arrival.what);
    const AnswerHeader header{static_cast<uint16_t>(request.opcode | DMABUFD_FD_ANSWER), request.serial, DMABUFD_FD_OK};
    plane_.answer(arrival.session, header, {}, {buffer_});
    tally_.answered++;
  }

  Tally& tally_;
  const SharedFd buffer_ = share(create_sealed_memfd("raced", 4096, true));
  std::mutex mutex_;
  std::condition_variable condition_;
  bool woken_ = false;  // guarded by mutex_
  std::atomic<uint64_t> last_session_{0};
  FdPlane plane_;
};

// One connection of a client that does what it likes.
class Client {
 public:
  Client(const std::string& path, Random& random, Tally& tally)
      : socket_(connect_unix(SOCK_SEQPACKET, path)), random_(random), tally_(tally) {}

  // Throws SystemError when the daemon has ended the connection.
  void live() {
    const bool reads = below(random_, 4) != 0;
    if (reads && !receive()) return;
    for (uint32_t steps = below(random_, 64); steps > 0; steps--) {
      send_something();
      if (reads && !receive()) return;
    }
  }

 private:
  bool receive() {
    pollfd waiting{socket_.get(), POLLIN, 0};
    if (::poll(&waiting, 1, kPatienceMs) <= 0) return false;
    uint8_t bytes[DMABUFD_FD_MAX_DATAGRAM];
    Datagram datagram;
    const Received received = receive_datagram(socket_.get(), bytes, sizeof(bytes), datagram);
    tally_.fetched += datagram.fds.size();
    return received == Received::kDatagram && bytes[0] != DMABUFD_FD_GOODBYE;
  }

  void send_something() {
    switch (below(random_, 10)) {
      case 0:
        return send(DMABUFD_FD_RELEASE, {below(random_, kBuffers)}, {});
      case 1:
        return send(DMABUFD_FD_ADOPT, {0, 0, 0, 0}, create_sealed_memfd("brought", 4096, true));
      case 2:
        return send(DMABUFD_FD_ADOPT, {0, 0, 0, 0}, UniqueFd(::open("/dev/null", O_RDONLY | O_CLOEXEC)));
      case 3:
        return send(DMABUFD_FD_EXPORT_FENCE, {1, DMABUFD_FD_READ}, {});
      case 4:
        if (below(random_, 8) == 0) return send(DMABUFD_FD_WELCOME, {}, {});  // breaks the protocol
        [[fallthrough]];
      default:
        return send(DMABUFD_FD_FETCH, {below(random_, kBuffers), below(random_, kBuffers + 1)}, {});
    }
  }

  void send(uint16_t opcode, const std::vector<uint64_t>& payload, UniqueFd fd) {
    std::vector<uint8_t> bytes(sizeof(dmabufd_fd_header) + payload.size() * sizeof(uint64_t));
    const dmabufd_fd_header header{opcode, static_cast<uint16_t>(fd.valid() ? 1 : 0),
                                   static_cast<uint32_t>(bytes.size()), 1, DMABUFD_FD_OK};
    std::memcpy(bytes.data(), &header, sizeof(header));
    if (!payload.empty()) std::memcpy(bytes.data() + sizeof(header), payload.data(), bytes.size() - sizeof(header));
    const int number = fd.get();
    send_datagram(socket_.get(), {bytes.data(), bytes.size(), &number, header.fd_count});
  }

  const UniqueFd socket_;
  Random& random_;
  Tally& tally_;
};

void be_clients(const std::string& path, Random random, const std::atomic<bool>& done, Tally& tally) {
  while (!done) {
    try {
      Client(path, random, tally).live();
    } catch (const SystemError&) {
      // Refused, dismissed, or between two planes.
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
}

void run(const std::string& path, Clock::time_point end, Tally& tally) {
  std::atomic<bool> done{false};
  std::vector<std::thread> clients;
  clients.reserve(kClients);
  for (int seed = 1; seed <= kClients; seed++) {
    clients.emplace_back([&, seed] { be_clients(path, Random(static_cast<uint32_t>(seed)), done, tally); });
  }
  while (Clock::now() < end) {
    const Clock::time_point until = Clock::now() + kLifeOfAPlane;
    Daemon daemon(path, tally);
    std::thread meddler([&] { daemon.meddle(Random(++tally.planes), until + kLifeOfAPlane / 10); });
    daemon.serve(until);
    meddler.join();
    std::filesystem::remove(path);
  }
  done = true;
  for (std::thread& client : clients) client.join();
}

}  // namespace
}  // namespace dmabufd

int main(int argc, char** argv) try {
  if (argc != 2) {
    std::cerr << "usage: fd_plane_race SECONDS\n";
    return 2;
  }
  const std::chrono::seconds duration(std::stoi(argv[1]));
  std::string directory = (std::filesystem::temp_directory_path() / "dmabufd-race-XXXXXX").string();
  if (::mkdtemp(directory.data()) == nullptr) throw dmabufd::SystemError(errno, "mkdtemp");
  dmabufd::Tally tally;
  dmabufd::run(directory + "/s", dmabufd::Clock::now() + duration, tally);
  std::filesystem::remove_all(directory);
  std::cout << tally.planes << " planes, " << tally.sessions << " sessions, " << tally.fetched << " fds fetched, "
            << tally.answered << " requests answered\n";
  // Where nothing got through, nothing could race.
  return tally.fetched > 0 && tally.answered > 0 ? 0 : 1;
} catch (const std::exception& failure) {
  (void)std::fprintf(stderr, "%s\n", failure.what());
  return 2;
}
