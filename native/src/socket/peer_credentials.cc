#include "socket/peer_credentials.h"

#include <sys/socket.h>
#include <sys/syscall.h>

#include "kernel/system_error.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* asm-generic/socket.h */
#endif

namespace dmabufd {
namespace {

UniqueFd peer_pidfd(int socket, pid_t pid) {
  int pidfd = -1;
  socklen_t length = sizeof(pidfd);
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &length) == 0) return UniqueFd(pidfd);
  // ENOPROTOOPT: an older kernel. Anything else (ESRCH, EINVAL) says that the peer is gone, or not visible.
  if (errno != ENOPROTOOPT || pid <= 0) return UniqueFd();
  return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

}  // namespace

PeerCredentials peer_credentials(int socket) {
  ucred credentials{};
  socklen_t length = sizeof(credentials);
  check(::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &length), "getsockopt(SO_PEERCRED)");
  return {credentials.pid, credentials.uid, credentials.gid, peer_pidfd(socket, credentials.pid)};
}

UniqueFd open_pidfd(pid_t pid) {
  return UniqueFd(static_cast<int>(check(::syscall(SYS_pidfd_open, pid, 0), "pidfd_open")));
}

}  // namespace dmabufd
