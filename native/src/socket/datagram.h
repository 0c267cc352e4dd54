// One datagram of a SOCK_SEQPACKET socket, and the fds that ride on it.
//
// Received fds are close-on-exec from birth and owned from the moment they exist, and before anything else is done with them
// SO_LINGER is switched off, so that closing one that is a socket does not wait. If the kernel dropped any of them
// (MSG_CTRUNC: no room, or this process is at RLIMIT_NOFILE), the rest is closed here and the datagram counts as truncated.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernel/unique_fd.h"

namespace dmabufd {

constexpr size_t kMaxFdsInDatagram = 253;  // SCM_MAX_FD, net/scm.h

enum class Received {
  kDatagram,
  kNothing,    // would block
  kClosed,     // the peer closed (or sent an empty datagram, which looks the same: recvmsg(2) returns 0)
  kTruncated,  // larger than the buffer, or fds were lost; nothing of it is kept
};

struct Datagram {
  size_t length = 0;  // bytes in the caller's buffer
  std::vector<UniqueFd> fds;
};

// Receives into `buffer`. Throws SystemError for what ends the connection, such as ECONNRESET.
//
// Of more fds than `max_fds` (up to the alignment of control messages) the kernel makes none: the datagram is truncated.
Received receive_datagram(int socket, uint8_t* buffer, size_t capacity, Datagram& datagram,
                          size_t max_fds = kMaxFdsInDatagram);

// What waits to be received, found out without taking it.
enum class Peeked {
  kDatagram,      // within the buffer, without fds
  kCarriesFds,    // none of which has come into being here
  kNothing,       // would block
  kClosed,        // the peer closed, or sent an empty datagram without fds
  kTooLarge,      // larger than the buffer
};

// Copies the datagram that waits into `buffer`. Throws as receive_datagram does.
Peeked peek_datagram(int socket, uint8_t* buffer, size_t capacity, size_t& length);

// Takes the datagram that was peeked at, and known to carry no fds, out of the queue.
void consume_peeked(int socket);

// A datagram to be sent, of what belongs to somebody else.
struct OutgoingDatagram {
  const uint8_t* bytes;
  size_t length;
  const int* fds;
  size_t fd_count;
};

// Sends one datagram, whole or not at all. Returns false if it would block. Throws SystemError: EPIPE, ECONNRESET,
// ETOOMANYREFS (fds in flight, unix(7)), EMSGSIZE, ENOBUFS.
bool send_datagram(int socket, const OutgoingDatagram& datagram);

constexpr size_t kMaxDatagramsAtOnce = 16;

// The same with several, in their order, which together carry no more fds than one may: sends the first of them with one
// system call. Returns how many; throws what is wrong with the very first.
size_t send_datagrams(int socket, const OutgoingDatagram* datagrams, size_t count);

}  // namespace dmabufd
