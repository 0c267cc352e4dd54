// The connection of a client that is not trusted.
//
// Fds that it sent and nobody received wait in the socket. The last close of a file sleeps for as long as its owner likes
// (a TCP socket with SO_LINGER), and closing the socket is the last close of what waits in it. So this one is closed in a
// way that waits for nothing.
#pragma once

#include "kernel/unique_fd.h"

namespace dmabufd {

class ClientSocket {
 public:
  explicit ClientSocket(UniqueFd fd) : fd_(std::move(fd)) {}
  ClientSocket(ClientSocket&&) = default;
  ClientSocket& operator=(ClientSocket&&) = delete;
  ClientSocket(const ClientSocket&) = delete;
  ClientSocket& operator=(const ClientSocket&) = delete;
  ~ClientSocket();

  int get() const { return fd_.get(); }
  bool valid() const { return fd_.valid(); }

  // Gives the descriptor up, to be closed as any other: for a socket that takes no fds.
  [[nodiscard]] UniqueFd release() { return std::move(fd_); }

 private:
  UniqueFd fd_;
};

}  // namespace dmabufd
