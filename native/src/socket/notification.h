// sd_notify(3): one datagram to the service manager, with fds for its fd store.
#pragma once

#include <string>
#include <vector>

namespace dmabufd {

// Sends `text` to a socket address as $NOTIFY_SOCKET has it: an absolute path, or `@` and an abstract name. Blocks while
// the service manager's queue is full, for `timeout_ms` at most: then ETIMEDOUT.
void send_notification(const std::string& address, const std::string& text, const std::vector<int>& fds, int timeout_ms);

}  // namespace dmabufd
