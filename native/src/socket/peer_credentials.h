// Who is at the other end of a Unix socket, as the kernel fixed it when the peer connected (unix(7)).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

#include "kernel/unique_fd.h"

namespace dmabufd {

struct PeerCredentials {
  pid_t pid;       // in this process's pid namespace; 0 if the peer is not visible in it
  uid_t uid;       // in this process's user namespace
  gid_t gid;
  std::vector<gid_t> groups;  // supplementary; none before Linux 4.13, which does not tell
  UniqueFd pidfd;  // invalid only where the kernel has no pidfds (before Linux 5.3)
  uint64_t pidfs_inode;  // of the pidfd: of no other process since boot, visible or not; 0 before Linux 6.9
};

// SO_PEERCRED, SO_PEERGROUPS, and a pidfd: SO_PEERPIDFD (Linux 6.5), which cannot be of another process, or else pidfd_open, which can if
// the peer ended and its pid was given away in between. Throws ESRCH if the peer has ended: a pid that nobody holds may be
// another process's already. Throws E2BIG if it has more than 1024 supplementary groups: such a peer is refused.
PeerCredentials peer_credentials(int socket);

// The uid alone, also of a peer that has ended.
uid_t peer_uid(int socket);

// pidfd_open(2).
UniqueFd open_pidfd(pid_t pid);

}  // namespace dmabufd
