// A datagram from a client, read as dmabufd_fd.h lays it out. Every rule about its form is checked here, in one place;
// what it asks for is decided elsewhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "dmabufd_fd.h"

namespace dmabufd {

struct Request {
  uint16_t opcode;
  uint32_t serial;
  const uint8_t* payload;  // within the datagram
  size_t payload_length;

  // The ids of FETCH and RELEASE.
  std::vector<uint64_t> buffer_ids() const;
};

// Parses a request that came with `fd_count` fds. Returns an empty string, or what breaks the protocol: the field, its value
// and what it must be.
std::string parse_request(const uint8_t* bytes, size_t length, size_t fd_count, Request& request);

}  // namespace dmabufd
