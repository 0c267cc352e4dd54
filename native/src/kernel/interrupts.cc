#include "kernel/interrupts.h"

#include <unistd.h>

#include <csignal>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid /* timer_create(2); glibc before 2.38 */
#endif

namespace dmabufd {
namespace {

constexpr long kEveryNanoseconds = 10'000'000;

// Neither Node, libuv nor V8 uses a real-time signal.
int interrupting_signal() { return SIGRTMIN + 7; }

// Installs a handler that does nothing, once for the process, unless somebody else has one.
bool install_handler() {
  struct sigaction action {};
  if (::sigaction(interrupting_signal(), nullptr, &action) < 0 || action.sa_handler != SIG_DFL) return false;
  // Without SA_RESTART: the call is to end.
  action = {};
  action.sa_handler = [](int) {};
  return ::sigaction(interrupting_signal(), &action, nullptr) == 0;
}

}  // namespace

Interrupts::Interrupts() {
  static const bool handled = install_handler();
  if (!handled) return;
  sigevent event{};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = interrupting_signal();
  event.sigev_notify_thread_id = ::gettid();  // NOLINT(cppcoreguidelines-pro-type-union-access)
  if (::timer_create(CLOCK_MONOTONIC, &event, &timer_) < 0) return;
  armed_ = true;
  sigset_t signal;
  sigemptyset(&signal);
  sigaddset(&signal, interrupting_signal());
  pthread_sigmask(SIG_UNBLOCK, &signal, nullptr);
  const itimerspec often{{0, kEveryNanoseconds}, {0, kEveryNanoseconds}};
  ::timer_settime(timer_, 0, &often, nullptr);
}

Interrupts::~Interrupts() {
  if (armed_) ::timer_delete(timer_);
}

}  // namespace dmabufd
