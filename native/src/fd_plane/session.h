// One client of fd.sock: its connection, the rows of the table that it may fetch, and the answers that it has
// not taken yet.
//
// What it is made to say waits until flush(), so that several answers go out together; only a GOODBYE goes at once, behind them.
//
// A client that does not read its answers is not read from either, so that it costs a bounded amount of memory
// and of fds in flight, and only itself waits. Not thread-safe: the FdPlane's lock guards every session.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "dmabufd_fd.h"
#include "fd_plane/fds_in_flight.h"
#include "fd_plane/request.h"
#include "kernel/unique_fd.h"

namespace dmabufd {

// One buffer that a session may fetch. The fd is shared with whoever else works with it.
struct TableRow {
  SharedFd fd;
  uint64_t size_bytes = 0;
  uint32_t flags = 0;
};

// What an answer says beside its payload.
struct AnswerHeader {
  uint16_t opcode;
  uint32_t serial;
  uint32_t status;
};

// A request that the main thread is to answer.
struct RequestReceived {
  uint16_t opcode;
  uint32_t serial;
  std::vector<uint8_t> payload;
  std::vector<UniqueFd> fds;
};

// How its client's datagrams are read.
enum class Pace {
  kSingly,            // until two wait
  kAhead,             // several at once: it sends faster than it is read
  kSinglyUntilEmpty,  // there may be one in the socket that must not be looked at again: see look_ahead.h
};

class Session {
 public:
  Session(uint64_t id, uid_t user, SharedFd socket, UniqueFd pidfd);

  uint64_t id() const { return id_; }
  uid_t user() const { return user_; }
  int socket() const { return socket_->get(); }
  const SharedFd& shared_socket() const { return socket_; }
  int pidfd() const { return pidfd_.get(); }

  void put(uint64_t buffer_id, TableRow row) { rows_[buffer_id] = std::move(row); }
  void drop(uint64_t buffer_id) { rows_.erase(buffer_id); }
  // The same, and says so. There is one row less for each that waits to be said.
  void revoke(uint64_t buffer_id);

  // Admits it: its fds in flight are counted from now on.
  void welcome(const uint8_t (&token)[DMABUFD_FD_TOKEN_BYTES], std::shared_ptr<Account> account);
  // The same for one that an earlier process of the daemon has welcomed.
  void welcome_back(std::shared_ptr<Account> account);
  // Of a session that is admitted.
  const std::string& account() const { return fds_in_flight_->account(); }
  // Says GOODBYE and shuts the connection down; the event loop then finds it hung up.
  void dismiss(uint32_t status, const std::string& reason);

  void fetch(const Request& request);
  // Removes the rows and answers, or answers NOT_FOUND and removes none. Returns the ids that were removed.
  std::vector<uint64_t> release(const Request& request);
  // The main thread has been told that it is there.
  bool is_heard_of() const { return heard_of_; }
  void set_heard_of() { heard_of_ = true; }

  // A request that somebody else takes, and answers, some time.
  void postpone(RequestReceived request);
  bool has_postponed() const { return !postponed_.empty(); }
  RequestReceived take_postponed();
  // What came with all that are not taken.
  std::vector<UniqueFd> take_postponed_fds();
  void answer(const AnswerHeader& header, const std::vector<uint8_t>& payload, std::vector<SharedFd> fds);

  // While another thread receives what this client sent, nothing else is read from it.
  void set_receiving(bool receiving) { receiving_ = receiving; }
  // An answer of the plane's own.
  void refuse(const Request& request, uint32_t status, const std::string& reason);

  // Sends what waits to be sent, as far as the socket takes it.
  void flush();
  Pace pace() const { return pace_; }
  void set_pace(Pace pace) { pace_ = pace; }
  // Whether a further datagram may be taken in now.
  bool may_read() const { return may_take() && outgoing_.empty(); }
  // The same when the answers to some that were taken in with it are not sent yet.
  bool may_take() const;
  // What to ask epoll for.
  uint32_t wanted_events() const;
  // What it was asked for last.
  uint32_t armed_events() const { return armed_events_; }
  void set_armed_events(uint32_t events) { armed_events_ = events; }

  const std::string& end_reason() const { return end_reason_; }
  // What its client may never have received; null if it was never admitted.
  std::unique_ptr<FdsInFlight> take_fds_in_flight() { return std::move(fds_in_flight_); }

 private:
  struct Outgoing {
    std::vector<uint8_t> bytes;
    std::vector<SharedFd> fds;
  };

  void say(const AnswerHeader& header, const void* payload, size_t length, std::vector<SharedFd> fds);
  void say_text(const AnswerHeader& header, const std::string& text);
  bool send_some();
  size_t send_first_of_all() const;
  static Outgoing instead_of_fds(const Outgoing& answer, const std::string& reason);
  void break_off(const std::string& reason);

  const uint64_t id_;
  const uid_t user_;
  const SharedFd socket_;
  const UniqueFd pidfd_;
  std::unordered_map<uint64_t, TableRow> rows_;
  std::deque<Outgoing> outgoing_;
  uint32_t armed_events_ = 0;
  std::deque<RequestReceived> postponed_;
  size_t pending_ = 0;  // postponed, and taken but not answered
  bool heard_of_ = false;
  std::unique_ptr<FdsInFlight> fds_in_flight_;  // null until it is admitted
  bool receiving_ = false;
  Pace pace_ = Pace::kSingly;
  std::string end_reason_;
};

}  // namespace dmabufd
