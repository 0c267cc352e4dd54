#include "socket/peer_credentials.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "kernel/system_error.h"

#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59 /* asm-generic/socket.h */
#endif
#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* asm-generic/socket.h */
#endif

namespace dmabufd {
namespace {

// A process may have 65,536. Each connection would make its reader allocate and go through them, at no cost to the client.
constexpr size_t kMaxGroups = 1024;

ucred peer_ucred(int socket) {
  ucred credentials{};
  socklen_t length = sizeof(credentials);
  check(::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &length), "getsockopt(SO_PEERCRED)");
  return credentials;
}

// Fixed when the peer connected, so that the length that the kernel tells first is still true when it is asked again.
std::vector<gid_t> peer_groups(int socket) {
  socklen_t length = 0;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, nullptr, &length) == 0 || errno != ERANGE) return {};
  // Leaving some out could let past a rule that denies one of them.
  if (length / sizeof(gid_t) > kMaxGroups) throw SystemError(E2BIG, "getsockopt(SO_PEERGROUPS)");
  std::vector<gid_t> groups(length / sizeof(gid_t));
  check(::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &length), "getsockopt(SO_PEERGROUPS)");
  return groups;
}

UniqueFd peer_pidfd(int socket, pid_t pid) {
  int pidfd = -1;
  socklen_t length = sizeof(pidfd);
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &length) == 0) return UniqueFd(pidfd);
  const bool too_old = errno == ENOPROTOOPT;  // Linux before 6.5
  if (!too_old && (errno == EMFILE || errno == ENFILE || errno == ENOMEM)) throw SystemError(errno, "getsockopt(SO_PEERPIDFD)");
  // EINVAL, ESRCH or ENODATA, as the version has it: the peer has been reaped.
  if (!too_old) throw SystemError(ESRCH, "getsockopt(SO_PEERPIDFD)");
  if (pid <= 0) return UniqueFd();
  pidfd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (pidfd < 0 && errno != ENOSYS) throw SystemError(errno, "pidfd_open");
  return UniqueFd(pidfd);
}

// Before pidfs all pidfds share one anonymous inode. Where inodes have 32 bits (a 32-bit kernel) they are used again: there is none then.
uint64_t pidfs_inode(int pidfd) {
  constexpr auto kPidfsMagic = 0x50494446;  // PID_FS_MAGIC, linux/magic.h
  constexpr uint64_t kMaxSafeInteger = (uint64_t{1} << 53) - 1;  // JavaScript's: beyond, two inodes could be one number
  struct statfs filesystem {};
  struct stat file {};
  if (sizeof(long) < 8 || pidfd < 0 || ::fstatfs(pidfd, &filesystem) != 0 || filesystem.f_type != kPidfsMagic) return 0;
  check(::fstat(pidfd, &file), "fstat of a pidfd");
  return file.st_ino <= kMaxSafeInteger ? file.st_ino : 0;
}

}  // namespace

uid_t peer_uid(int socket) { return peer_ucred(socket).uid; }

PeerCredentials peer_credentials(int socket) {
  const ucred credentials = peer_ucred(socket);
  UniqueFd pidfd = peer_pidfd(socket, credentials.pid);
  const uint64_t inode = pidfs_inode(pidfd.get());
  return {credentials.pid, credentials.uid, credentials.gid, peer_groups(socket), std::move(pidfd), inode};
}

UniqueFd open_pidfd(pid_t pid) {
  return UniqueFd(static_cast<int>(check(::syscall(SYS_pidfd_open, pid, 0), "pidfd_open")));
}

}  // namespace dmabufd
