// The datagrams of a real socketpair, and the fds on them, against a model of what the kernel queues: whatever is sent
// and however it is received, each fd that comes into being is close-on-exec and closed again, and of a truncated
// datagram none is kept.
//
// Input: one step after the other, each a byte that says what and the bytes of its choices.
#include "socket/datagram.h"

#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <deque>

#include "input.h"
#include "kernel/system_error.h"
#include "open_fds.h"
#include "socket/look_ahead.h"

namespace dmabufd {
namespace {

constexpr size_t kMostBytes = 9000;  // more than DMABUFD_FD_MAX_DATAGRAM

// A datagram that waits in the socket.
struct Sent {
  std::vector<uint8_t> bytes;
  size_t fds;
};

// Lets this process open only `spare` more descriptors.
class FdLimit {
 public:
  explicit FdLimit(size_t spare) {
    must(::getrlimit(RLIMIT_NOFILE, &before_) == 0, "getrlimit works");
    const std::vector<int> open = open_fds();
    rlimit lower = before_;
    lower.rlim_cur = std::min<rlim_t>(before_.rlim_cur, first_number_after(open, spare));
    must(::setrlimit(RLIMIT_NOFILE, &lower) == 0, "setrlimit works");
  }
  ~FdLimit() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  FdLimit(const FdLimit&) = delete;
  FdLimit(FdLimit&&) = delete;
  FdLimit& operator=(const FdLimit&) = delete;
  FdLimit& operator=(FdLimit&&) = delete;

 private:
  // The number below which `spare` numbers are free.
  static rlim_t first_number_after(const std::vector<int>& open, size_t spare) {
    rlim_t number = 0;
    for (size_t free = 0; free < spare; number++) {
      if (!std::binary_search(open.begin(), open.end(), static_cast<int>(number))) free++;
    }
    return number;
  }

  rlimit before_{};
};

class World {
 public:
  World() {
    int ends[2];
    check(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), "socketpair");
    sender_ = UniqueFd(ends[0]);
    receiver_ = UniqueFd(ends[1]);
    cargo_ = UniqueFd(check(::open("/dev/null", O_RDONLY | O_CLOEXEC), "open"));
  }

  void step(Input& input) {
    switch (input.u8() % 11) {
      case 0:
        return send(input);
      case 1:
      case 2:
        return send_by_hand(input);
      case 3:
      case 4:
        return receive(input);
      case 5:
        return peek(input, false);
      case 6:
        return peek(input, true);
      case 7:
        return change(input);
      case 8:
        return send_several(input);
      default:
        return look_ahead(input);
    }
  }

 private:
  // With the code that is tested.
  void send(Input& input) {
    const std::vector<uint8_t> bytes = payload(input);
    const std::vector<int> fds(input.u8(), cargo_.get());
    try {
      if (send_datagram(sender_.get(), {bytes.data(), bytes.size(), fds.data(), fds.size()})) {
        must(fds.size() <= kMaxFdsInDatagram, "no more fds are sent than the kernel takes");
        queue_.push_back({bytes, fds.size()});
      }
    } catch (const SystemError& failure) {
      must(failure.error() == EPIPE || failure.error() == ETOOMANYREFS ||
               (failure.error() == EINVAL && fds.size() > kMaxFdsInDatagram),
           "sending fails only for what is the caller's or the kernel's fault");
    }
  }

  // Whatever the kernel takes of them, it takes the first.
  void send_several(Input& input) {
    std::vector<std::vector<uint8_t>> payloads(1 + input.u8() % kMaxDatagramsAtOnce);
    const std::vector<int> fds(kMaxFdsInDatagram, cargo_.get());
    std::vector<OutgoingDatagram> datagrams;
    size_t fd_count = 0;
    for (std::vector<uint8_t>& bytes : payloads) {
      bytes = payload(input);
      datagrams.push_back({bytes.data(), bytes.size(), fds.data(), input.u8() % (kMaxFdsInDatagram + 1)});
      fd_count += datagrams.back().fd_count;
    }
    try {
      const size_t sent = send_datagrams(sender_.get(), datagrams.data(), datagrams.size());
      must(sent <= datagrams.size() && fd_count <= kMaxFdsInDatagram, "no more is sent than there is, nor than is allowed");
      for (size_t i = 0; i < sent; i++) queue_.push_back({payloads[i], datagrams[i].fd_count});
    } catch (const SystemError& failure) {
      must(failure.error() == EPIPE || failure.error() == ETOOMANYREFS ||
               (failure.error() == EINVAL && fd_count > kMaxFdsInDatagram),
           "sending fails only for what is the caller's or the kernel's fault");
    }
  }

  // As a hostile peer would: in two SCM_RIGHTS messages, with SCM_CREDENTIALS beside them.
  void send_by_hand(Input& input) {
    std::vector<uint8_t> bytes = payload(input);
    const size_t first = input.u8();
    const size_t second = input.u8();
    const bool with_credentials = (input.u8() & 1) != 0;
    std::vector<char> control;
    const std::vector<int> fds(std::max(first, second), cargo_.get());
    if (first > 0) append(control, SCM_RIGHTS, fds.data(), first * sizeof(int));
    const ucred credentials{::getpid(), ::getuid(), ::getgid()};
    if (with_credentials) append(control, SCM_CREDENTIALS, &credentials, sizeof(credentials));
    if (second > 0) append(control, SCM_RIGHTS, fds.data(), second * sizeof(int));
    iovec data{bytes.data(), bytes.size()};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    if (::sendmsg(sender_.get(), &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) return;
    queue_.push_back({std::move(bytes), first + second});
  }

  void receive(Input& input) {
    std::vector<uint8_t> buffer(1 + input.u16() % kMostBytes);
    const size_t spare = input.u8();
    Datagram datagram;
    Received received = Received::kNothing;
    {
      const FdLimit limit(spare);
      received = receive_datagram(receiver_.get(), buffer.data(), buffer.size(), datagram);
    }
    for (const UniqueFd& fd : datagram.fds) {
      must((::fcntl(fd.get(), F_GETFD) & FD_CLOEXEC) != 0, "every fd that comes is close-on-exec");
    }
    must(received == Received::kDatagram || datagram.fds.empty(), "only of a whole datagram are fds kept");
    if (queue_.empty()) {
      must(received == (shut_ ? Received::kClosed : Received::kNothing), "there is nothing where nothing was sent");
      return;
    }
    const Sent sent = std::move(queue_.front());
    queue_.pop_front();
    if (sent.bytes.size() > buffer.size() || sent.fds > std::min(spare, room())) {
      must(received == Received::kTruncated, "a datagram that lost bytes or fds is truncated");
    } else if (sent.bytes.empty()) {
      must(received == Received::kClosed, "an empty datagram is an end");
    } else {
      must(received == Received::kDatagram, "a datagram that lost nothing comes");
      must(datagram.fds.size() == sent.fds, "all its fds come");
      must(datagram.length == sent.bytes.size(), "all its bytes come");
      must(std::equal(sent.bytes.begin(), sent.bytes.end(), buffer.begin()), "as they were sent");
    }
  }

  void peek(Input& input, bool consume) {
    std::vector<uint8_t> buffer(1 + input.u16() % kMostBytes);
    const std::vector<int> before = open_fds();
    size_t length = 0;
    const Peeked peeked = peek_datagram(receiver_.get(), buffer.data(), buffer.size(), length);
    must(open_fds() == before, "peeking opens nothing");
    must(peeked == expected_peek(buffer.size()), "peeking tells what waits");
    saw_empty_ = !queue_.empty() && (saw_empty_ || queue_.front().bytes.empty());
    if (peeked != Peeked::kDatagram) return;
    const std::vector<uint8_t>& bytes = queue_.front().bytes;
    must(length == bytes.size() && std::equal(bytes.begin(), bytes.end(), buffer.begin()), "and shows its bytes");
    if (!consume) return;
    consume_peeked(receiver_.get());
    queue_.pop_front();
  }

  // What it shows are the first datagrams, up to one that must not be taken unseen; and what comes next finds what is first.
  void look_ahead(Input& input) {
    const size_t most = 1 + input.u8() % (kMaxDatagramsAtOnce + 4);
    const size_t wanted = input.u8();
    // As its rules are.
    if (saw_empty_ && !queue_.empty()) return;
    const std::vector<int> before = open_fds();
    ahead_.look(receiver_.get(), most);
    must(open_fds() == before, "looking ahead opens nothing");
    must(ahead_.size() == plain_ahead(most), "it shows all that is plain, and nothing behind what is not");
    saw_empty_ = ahead_.has_seen_empty();
    must(!ahead_.is_all() || (ahead_.size() == queue_.size() && !shut_), "it says that there is nothing else only if so");
    for (size_t i = 0; i < ahead_.size(); i++) {
      const std::vector<uint8_t>& bytes = queue_[i].bytes;
      must(ahead_.length(i) == bytes.size() && std::equal(bytes.begin(), bytes.end(), ahead_.bytes(i)), "as it was sent");
    }
    const size_t taken = std::min(wanted, ahead_.size());
    LookAhead::take(receiver_.get(), taken);
    queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(taken));
  }

  size_t plain_ahead(size_t most) const {
    const size_t seen = std::min({most, kMaxDatagramsAtOnce, queue_.size()});
    const auto is_plain = [this](const Sent& sent) {
      return sent.fds == 0 && !with_credentials_ && !sent.bytes.empty() && sent.bytes.size() <= LookAhead::kMostBytes;
    };
    const auto end = queue_.begin() + static_cast<std::ptrdiff_t>(seen);
    return static_cast<size_t>(std::find_if_not(queue_.begin(), end, is_plain) - queue_.begin());
  }

  Peeked expected_peek(size_t capacity) const {
    if (queue_.empty()) return shut_ ? Peeked::kClosed : Peeked::kNothing;
    const Sent& next = queue_.front();
    // The credentials that a socket may ask for find no control buffer either.
    if (next.fds > 0 || with_credentials_) return Peeked::kCarriesFds;
    if (next.bytes.size() > capacity) return Peeked::kTooLarge;
    return next.bytes.empty() ? Peeked::kClosed : Peeked::kDatagram;
  }

  void change(Input& input) {
    if (input.u8() % 4 == 0) {
      ::shutdown(sender_.get(), SHUT_WR);
      shut_ = true;
      return;
    }
    with_credentials_ = !with_credentials_;
    const int on = with_credentials_ ? 1 : 0;
    check(::setsockopt(receiver_.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), "setsockopt(SO_PASSCRED)");
  }

  // How many fds fit beside the credentials, where the socket asks for those.
  size_t room() const {
    const size_t taken = with_credentials_ ? CMSG_SPACE(sizeof(ucred)) : 0;
    return (CMSG_SPACE(sizeof(int) * kMaxFdsInDatagram) - taken - sizeof(cmsghdr)) / sizeof(int);
  }

  std::vector<uint8_t> payload(Input& input) {
    const uint16_t choice = input.u16();
    // Half of them about as short as those are that are looked at together.
    std::vector<uint8_t> bytes(choice % (choice < 0x8000 ? kMostBytes : 2 * LookAhead::kMostBytes));
    for (size_t i = 0; i < bytes.size(); i++) bytes[i] = static_cast<uint8_t>(i + next_byte_);
    next_byte_++;
    return bytes;
  }

  static void append(std::vector<char>& control, int type, const void* data, size_t size) {
    const size_t at = control.size();
    control.resize(at + CMSG_SPACE(size));
    cmsghdr header{};
    header.cmsg_level = SOL_SOCKET;
    header.cmsg_type = type;
    header.cmsg_len = CMSG_LEN(size);
    std::memcpy(control.data() + at, &header, sizeof(header));
    std::memcpy(control.data() + at + CMSG_LEN(0), data, size);
  }

  UniqueFd sender_;
  UniqueFd receiver_;
  UniqueFd cargo_;
  std::deque<Sent> queue_;
  LookAhead ahead_;
  bool shut_ = false;
  bool with_credentials_ = false;
  bool saw_empty_ = false;  // one that may still be there has been looked at
  uint8_t next_byte_ = 0;
};

void run(Input input) {
  const std::vector<int> before = open_fds();
  {
    World world;
    const std::vector<int> own = open_fds();
    while (!input.empty()) {
      world.step(input);
      must(open_fds() == own, "after every step as many fds are open as before it");
    }
  }
  must(open_fds() == before, "nothing is left open");
}

}  // namespace
}  // namespace dmabufd

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  dmabufd::run(dmabufd::Input(data, size));
  return 0;
}
