// Threads of the daemon take no signals: those are the main thread's.
#pragma once

#include <csignal>
#include <thread>
#include <utility>

namespace dmabufd {

// Throws std::system_error if there can be no further thread.
template <typename Run>
std::thread start_quiet_thread(Run run) {
  // Restores the mask of the thread that starts, also when there is no thread to be had.
  struct Blocked {
    sigset_t before{};
    Blocked() {
      sigset_t all;
      sigfillset(&all);
      pthread_sigmask(SIG_BLOCK, &all, &before);
    }
    ~Blocked() { pthread_sigmask(SIG_SETMASK, &before, nullptr); }
    Blocked(const Blocked&) = delete;
    Blocked(Blocked&&) = delete;
    Blocked& operator=(const Blocked&) = delete;
    Blocked& operator=(Blocked&&) = delete;
  };
  const Blocked blocked;
  return std::thread(std::move(run));
}

}  // namespace dmabufd
