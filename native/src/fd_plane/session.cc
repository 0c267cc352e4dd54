#include "fd_plane/session.h"

#include <endian.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <string>

#include "kernel/system_error.h"
#include "socket/datagram.h"

namespace dmabufd {
namespace {

dmabufd_fd_buffer wire_buffer(uint64_t buffer_id, const TableRow& row) {
  dmabufd_fd_buffer buffer{};
  buffer.buffer_id = htole64(buffer_id);
  buffer.size_bytes = htole64(row.size_bytes);
  buffer.flags = htole32(row.flags);
  return buffer;
}

AnswerHeader answer_to(const Request& request, uint32_t status) {
  return {static_cast<uint16_t>(request.opcode | DMABUFD_FD_ANSWER), request.serial, status};
}

std::string not_leased(uint64_t buffer_id) {
  return "buffer_id " + std::to_string(buffer_id) + ": this session holds no lease on such a buffer";
}

}  // namespace

Session::Session(uint64_t id, uid_t user, SharedFd socket, UniqueFd pidfd)
    : id_(id), user_(user), socket_(std::move(socket)), pidfd_(std::move(pidfd)) {}

void Session::welcome(const uint8_t (&token)[DMABUFD_FD_TOKEN_BYTES], std::shared_ptr<Account> account) {
  fds_in_flight_ = std::make_unique<FdsInFlight>(socket_, std::move(account));
  dmabufd_fd_welcome welcome{};
  welcome.version = htole32(DMABUFD_FD_VERSION);
  welcome.session_id = htole64(id_);
  std::memcpy(welcome.token, token, sizeof(welcome.token));
  say({DMABUFD_FD_WELCOME, 0, DMABUFD_FD_OK}, &welcome, sizeof(welcome), {});
}

void Session::welcome_back(std::shared_ptr<Account> account) {
  fds_in_flight_ = std::make_unique<FdsInFlight>(socket_, std::move(account));
  dmabufd_fd_restarted restarted{};
  restarted.version = htole32(DMABUFD_FD_VERSION);
  say({DMABUFD_FD_RESTARTED, 0, DMABUFD_FD_OK}, &restarted, sizeof(restarted), {});
}

void Session::dismiss(uint32_t status, const std::string& reason) {
  say_text({DMABUFD_FD_GOODBYE, 0, status}, reason);
  flush();
  break_off(reason);
}

void Session::revoke(uint64_t buffer_id) {
  if (rows_.erase(buffer_id) == 0) return;
  const uint64_t wire = htole64(buffer_id);
  say({DMABUFD_FD_REVOKED, 0, DMABUFD_FD_OK}, &wire, sizeof(wire), {});
}

void Session::fetch(const Request& request) {
  const std::vector<uint64_t> ids = request.buffer_ids();
  std::vector<dmabufd_fd_buffer> buffers;
  std::vector<SharedFd> fds;
  buffers.reserve(ids.size());
  fds.reserve(ids.size());
  for (const uint64_t id : ids) {
    const auto row = rows_.find(id);
    if (row == rows_.end()) return refuse(request, DMABUFD_FD_NOT_FOUND, not_leased(id));
    buffers.push_back(wire_buffer(id, row->second));
    fds.push_back(row->second.fd);
  }
  say(answer_to(request, DMABUFD_FD_OK), buffers.data(), buffers.size() * sizeof(dmabufd_fd_buffer), std::move(fds));
}

std::vector<uint64_t> Session::release(const Request& request) {
  std::vector<uint64_t> ids = request.buffer_ids();
  for (const uint64_t id : ids) {
    if (rows_.count(id) == 0) {
      refuse(request, DMABUFD_FD_NOT_FOUND, not_leased(id));
      return {};
    }
  }
  // An id that is named twice is released once.
  for (auto id = ids.begin(); id != ids.end();) id = rows_.erase(*id) == 1 ? id + 1 : ids.erase(id);
  say(answer_to(request, DMABUFD_FD_OK), nullptr, 0, {});
  return ids;
}

void Session::refuse(const Request& request, uint32_t status, const std::string& reason) {
  say_text(answer_to(request, status), reason);
}

void Session::postpone(RequestReceived request) {
  pending_++;
  postponed_.push_back(std::move(request));
}

RequestReceived Session::take_postponed() {
  RequestReceived request = std::move(postponed_.front());
  postponed_.pop_front();
  return request;
}

std::vector<UniqueFd> Session::take_postponed_fds() {
  std::vector<UniqueFd> fds;
  for (RequestReceived& request : postponed_) {
    std::move(request.fds.begin(), request.fds.end(), std::back_inserter(fds));
  }
  postponed_.clear();
  return fds;
}

void Session::answer(const AnswerHeader& header, const std::vector<uint8_t>& payload, std::vector<SharedFd> fds) {
  if (pending_ == 0) return;  // it asked nothing
  pending_--;
  say(header, payload.data(), payload.size(), std::move(fds));
}

void Session::say_text(const AnswerHeader& header, const std::string& text) {
  say(header, text.data(), text.size(), {});
}

void Session::say(const AnswerHeader& header, const void* payload, size_t length, std::vector<SharedFd> fds) {
  if (!end_reason_.empty()) return;
  dmabufd_fd_header wire{};
  wire.opcode = htole16(header.opcode);
  wire.fd_count = htole16(static_cast<uint16_t>(fds.size()));
  wire.length = htole32(static_cast<uint32_t>(sizeof(wire) + length));
  wire.serial = htole32(header.serial);
  wire.status = htole32(header.status);
  Outgoing datagram{std::vector<uint8_t>(sizeof(wire) + length), std::move(fds)};
  std::memcpy(datagram.bytes.data(), &wire, sizeof(wire));
  if (length > 0) std::memcpy(datagram.bytes.data() + sizeof(wire), payload, length);
  outgoing_.push_back(std::move(datagram));
}

void Session::flush() {
  while (!outgoing_.empty() && send_some()) {
  }
}

// With one system call. Returns whether more may go out now.
bool Session::send_some() {
  Outgoing& first = outgoing_.front();
  if (!first.fds.empty() && !fds_in_flight_->has_room_for(first.fds.size())) {
    first = instead_of_fds(first, fds_in_flight_->refusal(first.fds.size()));
  }
  try {
    const size_t sent = send_first_of_all();
    for (size_t i = 0; i < sent; i++) {
      if (!outgoing_.front().fds.empty()) fds_in_flight_->sent(outgoing_.front().fds.size());
      outgoing_.pop_front();
    }
    return sent > 0;
  } catch (const SystemError& failure) {
    if (failure.error() != ETOOMANYREFS || first.fds.empty()) {
      break_off(std::string("cannot answer: ") + ::strerrordesc_np(failure.error()));
      return false;
    }
    // As many fds of the daemon are in flight as it may have open (unix(7)). That is no fault of the client that asks now.
    first = instead_of_fds(first, "as many fds are on their way to other clients as the daemon may have; try again");
    return true;
  }
}

// Returns how many went out. The first has room; of the others those that do whatever becomes of the ones before them.
size_t Session::send_first_of_all() const {
  OutgoingDatagram datagrams[kMaxDatagramsAtOnce];
  int fds[kMaxFdsInDatagram];
  size_t count = 0;
  size_t fd_count = 0;
  for (const Outgoing& next : outgoing_) {
    const size_t with_next = fd_count + next.fds.size();
    if (count == kMaxDatagramsAtOnce || with_next > kMaxFdsInDatagram) break;
    if (count > 0 && !next.fds.empty() && !fds_in_flight_->is_within_limit(with_next)) break;
    datagrams[count++] = {next.bytes.data(), next.bytes.size(), fds + fd_count, next.fds.size()};
    for (const SharedFd& fd : next.fds) fds[fd_count++] = fd->get();
  }
  return send_datagrams(socket(), datagrams, count);
}

// The answer RESOURCE_EXHAUSTED to the same request.
Session::Outgoing Session::instead_of_fds(const Outgoing& answer, const std::string& reason) {
  dmabufd_fd_header header{};
  std::memcpy(&header, answer.bytes.data(), sizeof(header));
  Outgoing refusal{std::vector<uint8_t>(sizeof(header) + reason.size()), {}};
  header.fd_count = 0;
  header.length = htole32(static_cast<uint32_t>(refusal.bytes.size()));
  header.status = htole32(DMABUFD_FD_RESOURCE_EXHAUSTED);
  std::memcpy(refusal.bytes.data(), &header, sizeof(header));
  std::memcpy(refusal.bytes.data() + sizeof(header), reason.data(), reason.size());
  return refusal;
}

void Session::break_off(const std::string& reason) {
  if (!end_reason_.empty()) return;
  end_reason_ = reason;
  outgoing_.clear();
  ::shutdown(socket(), SHUT_RDWR);
}

bool Session::may_take() const {
  const bool admitted = fds_in_flight_ != nullptr;
  return admitted && !receiving_ && end_reason_.empty() && pending_ < DMABUFD_FD_MAX_PENDING;
}

uint32_t Session::wanted_events() const {
  uint32_t events = 0;  // EPOLLHUP and EPOLLERR always come
  if (may_read()) events |= EPOLLIN;
  if (!outgoing_.empty() && end_reason_.empty()) events |= EPOLLOUT;
  return events;
}

}  // namespace dmabufd
