#include "fd_plane/fds_in_flight.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <iterator>
#include <utility>

#include "dmabufd_fd.h"

namespace dmabufd {
namespace {

// A datagram takes more than this of the sender's buffer on any kernel: its sk_buff alone does.
constexpr size_t kLeastBytesQueued = 256;
// How many connections may be kept open for an account only to see its fds arrive.
constexpr size_t kMaxAbandoned = 16;

static_assert(DMABUFD_FD_MAX_FDS <= UINT8_MAX, "datagrams_ holds such counts");

}  // namespace

Account::Account(std::string name, size_t max_in_flight) : name_(std::move(name)), max_in_flight_(max_in_flight) {}

bool Account::has_too_many_abandoned() const { return abandoned_ >= kMaxAbandoned; }

void Account::recount() {
  for (auto session = sessions_.begin(); session != sessions_.end();) {
    session = (*session)->recount() ? sessions_.erase(session) : std::next(session);
  }
}

std::shared_ptr<Account> Accounts::of(const std::string& name) {
  std::weak_ptr<Account>& known = known_[name];
  if (std::shared_ptr<Account> account = known.lock()) return account;
  std::shared_ptr<Account> account(new Account(name, max_in_flight_of_each_), [this](Account* last) {
    known_.erase(last->name());
    delete last;
  });
  known = account;
  return account;
}

FdsInFlight::FdsInFlight(SharedFd connection, std::shared_ptr<Account> account)
    : connection_(std::move(connection)), account_(std::move(account)) {}

FdsInFlight::~FdsInFlight() {
  subtract(count_);
  account_->sessions_.erase(this);
  if (abandoned_) account_->abandoned_--;
}

bool FdsInFlight::has_room_for(size_t fds) {
  if (account_->has_room_for(fds)) return true;
  account_->recount();
  return account_->has_room_for(fds) || account_->in_flight_ == 0;
}

std::string FdsInFlight::refusal(size_t fds) const {
  return std::to_string(account_->in_flight_) + " fds are on their way to the processes of " + account_->name() +
         ", and " + std::to_string(fds) + " more would exceed the " + std::to_string(account_->max_in_flight_) +
         " that may be; receive them first";
}

void FdsInFlight::sent(size_t fds) {
  datagrams_.push_back(static_cast<uint8_t>(fds));
  count_ += fds;
  account_->in_flight_ += fds;
  account_->sessions_.insert(this);
}

// What is sent first is received first, so what still waits are the newest datagrams: at most as many as the queue can hold.
// Those without fds are in the queue as well, and so some may be counted that have been received, but none is missed.
bool FdsInFlight::recount() {
  int queued = 0;
  if (::ioctl(connection(), SIOCOUTQ, &queued) < 0) return false;
  const size_t most = static_cast<size_t>(queued) / kLeastBytesQueued;
  while (datagrams_.size() > most) {
    subtract(datagrams_.front());
    datagrams_.pop_front();
  }
  return count_ == 0;
}

void FdsInFlight::abandon() {
  abandoned_ = true;
  account_->abandoned_++;
}

void FdsInFlight::subtract(size_t fds) {
  count_ -= fds;
  account_->in_flight_ -= fds;
}

}  // namespace dmabufd
