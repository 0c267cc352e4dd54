// A Session of the fd plane, with a peer that reads or does not, against a model of its table: what the peer receives is
// what the table says, in the order of the requests, and what waits for a peer that does not read is bounded.
//
// Input: one step after the other, each a byte that says what and the bytes of its choices.
#include "fd_plane/session.h"

#include <endian.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <array>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <string>

#include "input.h"
#include "kernel/system_error.h"
#include "open_fds.h"
#include "socket/datagram.h"

namespace dmabufd {
namespace {

constexpr int kSendBuffer = 8192;  // the kernel doubles it: a few answers, and the next one has to wait
constexpr size_t kIds = 8;
// WELCOME, GOODBYE, the answers to the requests of the plane's own that were taken at once, and those to all that were postponed.
constexpr size_t kMostWaiting = 2 + kMaxDatagramsAtOnce + DMABUFD_FD_MAX_PENDING;

using Files = std::array<SharedFd, 3>;

Files open_files() {
  Files files;
  for (SharedFd& file : files) file = share(UniqueFd(check(::memfd_create("cargo", MFD_CLOEXEC), "memfd_create")));
  return files;
}

ino_t inode_of(int fd) {
  struct stat status {};
  check(::fstat(fd, &status), "fstat");
  return status.st_ino;
}

struct Row {
  SharedFd fd;
  uint64_t size_bytes = 0;
  uint32_t flags = 0;
};

// A datagram that the peer is to receive; any text will do where it is not OK.
struct Answer {
  uint16_t opcode;
  uint32_t serial;
  uint32_t status;
  std::vector<uint8_t> payload;
  std::vector<SharedFd> fds;
};

class World {
 public:
  World() {
    int ends[2];
    check(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), "socketpair");
    peer_ = UniqueFd(ends[1]);
    check(::setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &kSendBuffer, sizeof(kSendBuffer)), "setsockopt(SO_SNDBUF)");
    session_ = std::make_unique<Session>(1, ::geteuid(), share(UniqueFd(ends[0])), UniqueFd());
  }

  void step(Input& input) {
    act(input);
    session_->flush();
  }

  void check_rules() const {
    const uint32_t events = session_->wanted_events();
    must(((events & EPOLLIN) != 0) == session_->may_read(), "it is woken for what may be read, and for nothing else");
    must(!session_->may_read() || (welcomed_ && !ended()), "nothing is read before WELCOME or after the end");
    must(!session_->may_read() || pending_.size() < DMABUFD_FD_MAX_PENDING, "nothing is read while too much is pending");
    must(!session_->may_read() || (events & EPOLLOUT) == 0, "nothing is read while an answer waits to be taken");
    must((events & EPOLLOUT) == 0 || !ended(), "nothing is sent after the end");
  }

  // A peer that reads in the end gets everything.
  void finish() {
    read(SIZE_MAX);
    while (peer_.valid() && !ended()) {
      must(expected_.size() <= kMostWaiting, "what waits in a session is bounded");
      const bool wants_out = (session_->wanted_events() & EPOLLOUT) != 0;
      must(wants_out == !expected_.empty(), "it is woken to send exactly when something waits");
      if (expected_.empty()) return;
      const size_t before = expected_.size();
      session_->flush();
      read(SIZE_MAX);
      must(expected_.size() < before, "what waits goes out when there is room");
    }
  }

 private:
  void act(Input& input) {
    switch (input.u8() % 11) {
      case 0:
        return welcome();
      case 1:
        return put(input);
      case 2:
        return drop(input);
      case 3:
      case 4:
      case 5:
        return requests(input, 1);
      case 6:
        return answer(input);
      case 7:
        return;
      case 8:
        return read(input.u8() % 32);
      case 9:
        return leave(input);
      default:
        return requests(input, 1 + input.u8() % kMaxDatagramsAtOnce);
    }
  }

  bool ended() const { return !session_->end_reason().empty(); }

  void expect(Answer answer) {
    if (peer_.valid()) expected_.push_back(std::move(answer));
  }

  void welcome() {
    if (welcomed_) return;
    welcomed_ = true;
    dmabufd_fd_welcome payload{};
    payload.version = htole32(DMABUFD_FD_VERSION);
    payload.session_id = htole64(session_->id());
    if (!ended()) expect({DMABUFD_FD_WELCOME, 0, DMABUFD_FD_OK, bytes_of(payload), {}});
    // Its limit of fds in flight is a test's of its own.
    session_->welcome(payload.token, std::make_shared<Account>("fuzzed", SIZE_MAX / 2));
  }

  void put(Input& input) {
    const uint64_t id = input.u8() % kIds;
    const Row row{files_[input.u8() % files_.size()], input.u16(), input.u8()};
    rows_[id] = row;
    session_->put(id, {row.fd, row.size_bytes, row.flags});
  }

  void drop(Input& input) {
    const uint64_t id = input.u8() % kIds;
    rows_.erase(id);
    session_->drop(id);
  }

  // As the plane does with datagrams that have come, if the session may be read from: all are taken before any is answered.
  void requests(Input& input, size_t most) {
    if (!session_->may_read()) return;
    for (size_t i = 0; i < most && session_->may_take(); i++) request(input);
    must(pending_.size() <= DMABUFD_FD_MAX_PENDING, "no more is taken than may be pending");
  }

  void request(Input& input) {
    const uint16_t opcode = DMABUFD_FD_FETCH + input.u8() % 5;
    const bool names_ids = opcode == DMABUFD_FD_FETCH || opcode == DMABUFD_FD_RELEASE;
    std::vector<uint64_t> ids;
    if (names_ids) ids.resize(1 + input.u8() % DMABUFD_FD_MAX_FDS);
    // Many ids are a few ones in turn.
    const size_t start = names_ids ? input.u8() : 0;
    const size_t period = names_ids ? 1 + input.u8() % (kIds + 1) : 1;
    for (size_t i = 0; i < ids.size(); i++) ids[i] = (start + i % period) % (kIds + 1);
    const size_t payload = names_ids                      ? ids.size() * sizeof(uint64_t)
                           : opcode == DMABUFD_FD_ADOPT ? sizeof(dmabufd_fd_adopt)
                                                        : sizeof(dmabufd_fd_fence);
    const size_t fds = opcode == DMABUFD_FD_ADOPT || opcode == DMABUFD_FD_IMPORT_FENCE ? 1 : 0;
    const std::vector<uint8_t> datagram = encode(opcode, ids, payload, fds);
    Request request{};
    must(parse_request(datagram.data(), datagram.size(), fds, request).empty(), "a good request is taken");
    if (opcode == DMABUFD_FD_FETCH) return fetch(request, ids);
    if (opcode == DMABUFD_FD_RELEASE) return release(request, ids);
    pending_.push_back({opcode, request.serial, 0});
    session_->postpone({opcode, request.serial, {}, {}});
  }

  std::vector<uint8_t> encode(uint16_t opcode, const std::vector<uint64_t>& ids, size_t payload, size_t fds) {
    std::vector<uint8_t> datagram(sizeof(dmabufd_fd_header) + payload);
    dmabufd_fd_header header{};
    header.opcode = htole16(opcode);
    header.fd_count = htole16(static_cast<uint16_t>(fds));
    header.length = htole32(static_cast<uint32_t>(datagram.size()));
    header.serial = htole32(++last_serial_);
    std::memcpy(datagram.data(), &header, sizeof(header));
    for (size_t i = 0; i < ids.size(); i++) {
      const uint64_t id = htole64(ids[i]);
      std::memcpy(datagram.data() + sizeof(header) + i * sizeof(id), &id, sizeof(id));
    }
    return datagram;
  }

  void fetch(const Request& request, const std::vector<uint64_t>& ids) {
    Answer answer{DMABUFD_FD_FETCH | DMABUFD_FD_ANSWER, request.serial, DMABUFD_FD_OK, {}, {}};
    for (const uint64_t id : ids) {
      const auto row = rows_.find(id);
      if (row == rows_.end()) {
        answer = {answer.opcode, answer.serial, DMABUFD_FD_NOT_FOUND, {}, {}};
        break;
      }
      dmabufd_fd_buffer buffer{};
      buffer.buffer_id = htole64(id);
      buffer.size_bytes = htole64(row->second.size_bytes);
      buffer.flags = htole32(row->second.flags);
      const std::vector<uint8_t> bytes = bytes_of(buffer);
      answer.payload.insert(answer.payload.end(), bytes.begin(), bytes.end());
      answer.fds.push_back(row->second.fd);
    }
    expect(std::move(answer));
    session_->fetch(request);
  }

  void release(const Request& request, const std::vector<uint64_t>& ids) {
    bool all = true;
    for (const uint64_t id : ids) all = all && rows_.count(id) == 1;
    std::vector<uint64_t> gone;
    for (const uint64_t id : ids) {
      if (all && rows_.erase(id) == 1) gone.push_back(id);
    }
    const uint32_t status = all ? DMABUFD_FD_OK : DMABUFD_FD_NOT_FOUND;
    expect({DMABUFD_FD_RELEASE | DMABUFD_FD_ANSWER, request.serial, status, {}, {}});
    must(session_->release(request) == gone, "released is each buffer once, or none");
  }

  void answer(Input& input) {
    if (pending_.empty()) return;
    const size_t which = input.u8() % pending_.size();
    const auto at = pending_.begin() + static_cast<std::ptrdiff_t>(which);
    const AnswerHeader header{static_cast<uint16_t>(at->opcode | DMABUFD_FD_ANSWER), at->serial, DMABUFD_FD_OK};
    pending_.erase(at);
    const std::vector<uint8_t> payload(input.u8(), 0x5a);
    const std::vector<SharedFd> fds(input.u8() % 2, files_[0]);
    if (!ended()) expect({header.opcode, header.serial, header.status, payload, fds});
    // The main thread takes it before it answers.
    if (session_->has_postponed()) (void)session_->take_postponed();
    session_->answer(header, payload, fds);
  }

  void leave(Input& input) {
    if (input.u8() % 2 == 0) {
      peer_.reset();
      expected_.clear();
      return;
    }
    if (!ended()) expect({DMABUFD_FD_GOODBYE, 0, DMABUFD_FD_UNAVAILABLE, {}, {}});
    session_->dismiss(DMABUFD_FD_UNAVAILABLE, "it is time");
    must(ended(), "who is dismissed is at the end");
  }

  // What the peer reads, at most so many datagrams.
  void read(size_t most) {
    for (size_t i = 0; i < most && peer_.valid(); i++) {
      std::vector<uint8_t> bytes(DMABUFD_FD_MAX_DATAGRAM);
      Datagram datagram;
      const Received received = receive_datagram(peer_.get(), bytes.data(), bytes.size(), datagram);
      if (received == Received::kNothing) return;
      if (received == Received::kClosed) return must(ended(), "the connection ends with the session");
      must(received == Received::kDatagram, "every datagram fits");
      bytes.resize(datagram.length);
      must(!expected_.empty(), "nothing comes unasked");
      compare(bytes, datagram.fds, expected_.front());
      expected_.pop_front();
    }
  }

  static void compare(const std::vector<uint8_t>& bytes, const std::vector<UniqueFd>& fds, const Answer& expected) {
    dmabufd_fd_header header{};
    must(bytes.size() >= sizeof(header), "a datagram has a header");
    std::memcpy(&header, bytes.data(), sizeof(header));
    must(le32toh(header.length) == bytes.size(), "its length is true");
    must(le16toh(header.fd_count) == fds.size(), "its fd_count is true");
    must(le16toh(header.opcode) == expected.opcode && le32toh(header.serial) == expected.serial,
         "answers come in the order in which they were given");
    const uint32_t status = le32toh(header.status);
    if (status == DMABUFD_FD_RESOURCE_EXHAUSTED && !expected.fds.empty()) {
      return must(fds.empty(), "too many fds in flight (unix(7)): told so, and none comes");
    }
    must(status == expected.status, "the status is what the table says");
    must(fds.size() == expected.fds.size(), "an fd comes for each buffer");
    for (size_t i = 0; i < fds.size(); i++) {
      must(inode_of(fds[i].get()) == inode_of(expected.fds[i]->get()), "the fds are those of the buffers, in their order");
    }
    const std::vector<uint8_t> payload(bytes.begin() + sizeof(header), bytes.end());
    if (status == DMABUFD_FD_OK) return must(payload == expected.payload, "the payload is what the table says");
    must(!payload.empty(), "a refusal has a reason");
  }

  template <typename Struct>
  static std::vector<uint8_t> bytes_of(const Struct& value) {
    std::vector<uint8_t> bytes(sizeof(value));
    std::memcpy(bytes.data(), &value, sizeof(value));
    return bytes;
  }

  const Files files_ = open_files();
  UniqueFd peer_;
  std::unique_ptr<Session> session_;
  std::map<uint64_t, Row> rows_;
  std::deque<AnswerHeader> pending_;
  std::deque<Answer> expected_;
  uint32_t last_serial_ = 0;
  bool welcomed_ = false;
};

void run(Input input) {
  const std::vector<int> before = open_fds();
  {
    World world;
    while (!input.empty()) {
      world.step(input);
      world.check_rules();
    }
    world.finish();
  }
  must(open_fds() == before, "nothing is left open");
}

}  // namespace
}  // namespace dmabufd

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  dmabufd::run(dmabufd::Input(data, size));
  return 0;
}
