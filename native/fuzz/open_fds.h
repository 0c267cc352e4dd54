// Which descriptors this process has open.
#pragma once

#include <fcntl.h>
#include <poll.h>

#include <vector>

#include "input.h"

namespace dmabufd {

// Those below this number are looked at. The kernel gives the lowest number that is free, so that what is left open by a
// target which never has as many is among them.
constexpr int kFdsLookedAt = 300;

// In one system call, since it is asked for after every step.
inline std::vector<int> open_fds() {
  std::vector<pollfd> all(kFdsLookedAt);
  for (int fd = 0; fd < kFdsLookedAt; fd++) all[fd] = {fd, 0, 0};
  must(::poll(all.data(), all.size(), 0) >= 0, "poll works (RLIMIT_NOFILE is more than is looked at)");
  std::vector<int> open;
  for (const pollfd& each : all) {
    if ((each.revents & POLLNVAL) == 0) open.push_back(each.fd);
  }
  return open;
}

}  // namespace dmabufd
