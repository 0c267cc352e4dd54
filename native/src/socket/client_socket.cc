#include "socket/client_socket.h"

#include <linux/close_range.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <climits>
#include <future>
#include <system_error>

#include "fd_plane/quiet_thread.h"

namespace dmabufd {
namespace {

// A listening socket cannot tell what waits in it.
bool may_hold_fds(int socket) {
  int unread = 0;
  return ::ioctl(socket, FIONREAD, &unread) < 0 || unread > 0;
}

// Gives the calling thread a descriptor table of its own, in which `fd` is the highest.
bool leave_descriptor_table(int fd) {
  const auto after = static_cast<unsigned>(fd) + 1;
  if (::close_range(after, UINT_MAX, CLOSE_RANGE_UNSHARE) == 0) return true;
  return ::unshare(CLONE_FILES) == 0;  // before Linux 5.9
}

// Lets the exit of a thread be the last close: then a socket lingers in the background (socket(7), SO_LINGER). The thread
// keeps the descriptor open in a table of its own, and is the kernel's alone from when it is joined: what else that
// close may wait for, it waits for there.
void close_by_exit(UniqueFd fd) {
  std::promise<bool> kept;
  std::promise<void> closed;
  try {
    std::thread last_holder = start_quiet_thread([&kept, &closed, number = fd.get()] {
      kept.set_value(leave_descriptor_table(number));
      closed.get_future().wait();
    });
    if (kept.get_future().get()) fd.reset();
    closed.set_value();
    last_holder.join();
  } catch (const std::system_error&) {
    // No further thread is to be had.
  }
  // Better a descriptor that is never closed than a daemon that a client can stop.
  (void)fd.release();
}

}  // namespace

ClientSocket::~ClientSocket() {
  if (!fd_.valid()) return;
  // From here on nothing new comes in.
  ::shutdown(fd_.get(), SHUT_RDWR);
  if (may_hold_fds(fd_.get())) close_by_exit(std::move(fd_));
}

}  // namespace dmabufd
