#include "fd_plane/turns.h"

#include <algorithm>
#include <utility>

namespace dmabufd {

void Turns::join(const std::string& account, uint64_t session) {
  std::deque<uint64_t>& sessions = waiting_[account];
  if (sessions.empty()) order_.push_back(account);
  sessions.push_back(session);
}

void Turns::leave(const std::string& account, uint64_t session) {
  const auto found = waiting_.find(account);
  if (found == waiting_.end()) return;
  std::deque<uint64_t>& sessions = found->second;
  sessions.erase(std::remove(sessions.begin(), sessions.end(), session), sessions.end());
  if (!sessions.empty()) return;
  order_.erase(std::find(order_.begin(), order_.end(), account));
  waiting_.erase(found);
}

uint64_t Turns::take() {
  std::string account = std::move(order_.front());
  order_.pop_front();
  const auto found = waiting_.find(account);
  std::deque<uint64_t>& sessions = found->second;
  const uint64_t session = sessions.front();
  sessions.pop_front();
  if (sessions.empty()) {
    waiting_.erase(found);
  } else {
    order_.push_back(std::move(account));
  }
  return session;
}

void Turns::clear() {
  waiting_.clear();
  order_.clear();
}

}  // namespace dmabufd
