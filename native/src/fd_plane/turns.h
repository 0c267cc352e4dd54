// Whose request the main thread takes next. Accounts have turns, and so have the sessions of each, so that one account with
// thousands of requests keeps another one waiting for one of them.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <unordered_map>

namespace dmabufd {

class Turns {
 public:
  bool empty() const { return order_.empty(); }
  // A session that does not wait yet.
  void join(const std::string& account, uint64_t session);
  // Does nothing if it does not wait.
  void leave(const std::string& account, uint64_t session);
  // The session whose turn it is; it waits no more. There must be one.
  uint64_t take();
  void clear();

 private:
  std::unordered_map<std::string, std::deque<uint64_t>> waiting_;  // by account; none is empty
  std::deque<std::string> order_;                                  // of these accounts
};

}  // namespace dmabufd
