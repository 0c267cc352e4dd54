// AF_UNIX sockets, close-on-exec and non-blocking from birth.
#pragma once

#include <sys/types.h>

#include <string>

#include "kernel/unique_fd.h"

namespace dmabufd {

// Binds and listens. The permission bits of the path are `mode` before anyone can connect to it. EADDRINUSE if the path
// exists, ENAMETOOLONG if it is over 107 bytes (unix(7)).
UniqueFd listen_unix(int type, const std::string& path, mode_t mode);

// Whether the kernel lets nobody attach fds to what is sent to the connections of a listening socket (Linux 6.16, listen_unix()).
bool refuses_fds(int listener);

struct SocketType {
  bool is_stream;
  bool is_seqpacket;
  bool is_listening;
};

// What a socket is that somebody else made: SO_TYPE and SO_ACCEPTCONN. ENOTSOCK, and EAFNOSUPPORT if it is not of AF_UNIX.
SocketType socket_type(int socket);

// Connects. EAGAIN: the listener's backlog is full.
UniqueFd connect_unix(int type, const std::string& path);

}  // namespace dmabufd
