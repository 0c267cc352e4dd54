// What an event loop waits for: fds, each with a tag that says what an event is about.
#pragma once

#include <sys/epoll.h>

#include <cstdint>

#include "kernel/system_error.h"
#include "kernel/unique_fd.h"

namespace dmabufd {

class Epoll {
 public:
  void add(int fd, uint64_t tag, uint32_t events) const { control(EPOLL_CTL_ADD, fd, tag, events); }
  void change(int fd, uint64_t tag, uint32_t events) const { control(EPOLL_CTL_MOD, fd, tag, events); }
  // Does nothing if it is not there.
  void remove(int fd) const noexcept { (void)::epoll_ctl(fd_.get(), EPOLL_CTL_DEL, fd, nullptr); }

  // Returns how many events there are, of `Most` at a time.
  template <int Most>
  int wait(epoll_event (&events)[Most], int timeout_ms) const {
    return check(retry_interrupted([&] { return ::epoll_wait(fd_.get(), events, Most, timeout_ms); }), "epoll_wait");
  }

 private:
  void control(int operation, int fd, uint64_t tag, uint32_t events) const {
    epoll_event event{};
    event.events = events;
    event.data.u64 = tag;
    check(::epoll_ctl(fd_.get(), operation, fd, &event), "epoll_ctl");
  }

  const UniqueFd fd_{check(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")};
};

}  // namespace dmabufd
