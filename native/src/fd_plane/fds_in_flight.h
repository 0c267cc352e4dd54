// How many fds are on their way: sent to a client, and not received by it yet.
//
// Each keeps its buffer's memory, and the kernel counts them all against the daemon, whoever lets them lie (unix(7),
// ETOOMANYREFS; a daemon with CAP_SYS_RESOURCE it does not bound at all). So each account, that is, whoever the sessions
// work for, has a limit of its own. Not thread-safe: the FdPlane's lock guards all of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "kernel/unique_fd.h"

namespace dmabufd {

class FdsInFlight;

class Account {
 public:
  Account(std::string name, size_t max_in_flight);

  // Whether no more sessions of it may be admitted, for the many that ended before their clients had received what was sent.
  bool has_too_many_abandoned() const;
  const std::string& name() const { return name_; }

 private:
  friend class FdsInFlight;

  bool has_room_for(size_t fds) const { return in_flight_ + fds <= max_in_flight_; }
  void recount();

  const std::string name_;
  const size_t max_in_flight_;
  size_t in_flight_ = 0;
  size_t abandoned_ = 0;
  std::unordered_set<FdsInFlight*> sessions_;  // those with something in flight
};

// By name, for as long as anybody is charged to them. Outlives them all.
class Accounts {
 public:
  explicit Accounts(size_t max_in_flight_of_each) : max_in_flight_of_each_(max_in_flight_of_each) {}

  std::shared_ptr<Account> of(const std::string& name);

 private:
  const size_t max_in_flight_of_each_;
  std::unordered_map<std::string, std::weak_ptr<Account>> known_;
};

// Those of one session. It keeps the connection open, which is the only way to see them arrive.
class FdsInFlight {
 public:
  FdsInFlight(SharedFd connection, std::shared_ptr<Account> account);
  ~FdsInFlight();
  FdsInFlight(const FdsInFlight&) = delete;
  FdsInFlight(FdsInFlight&&) = delete;
  FdsInFlight& operator=(const FdsInFlight&) = delete;
  FdsInFlight& operator=(FdsInFlight&&) = delete;

  const std::string& account() const { return account_->name(); }
  int connection() const { return connection_->get(); }

  // An account with nothing in flight may always send one datagram. Asks the kernel only if the account's limit is in the way.
  bool has_room_for(size_t fds);
  // The same for sure, without asking.
  bool is_within_limit(size_t fds) const { return account_->has_room_for(fds); }
  // Why it has none, for a person.
  std::string refusal(size_t fds) const;
  // So many went out in one datagram.
  void sent(size_t fds);
  // Subtracts what the client has received. Returns whether nothing is left.
  bool recount();
  // The session has ended; what is left stays charged until it is received, or dropped by the client's close.
  void abandon();

 private:
  void subtract(size_t fds);

  const SharedFd connection_;
  const std::shared_ptr<Account> account_;
  std::deque<uint8_t> datagrams_;  // how many fds went out in each that may not have been received
  size_t count_ = 0;               // the sum of these
  bool abandoned_ = false;
};

}  // namespace dmabufd
