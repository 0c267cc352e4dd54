// The bytes of a connected SOCK_STREAM socket whose sender may have attached fds to them, which are never received.
#pragma once

#include <cstddef>
#include <cstdint>

namespace dmabufd {

enum class ReceivedBytes {
  kSome,
  kNone,  // would block
  kEnd,   // the peer sends no more
};

// Makes bytes that are sent out of band (MSG_OOB) as any others. Otherwise receive_bytes() would not see that fds ride on them,
// and close those in passing. To be called before it.
void receive_out_of_band_in_line(int socket);

// Receives into `buffer`. Throws SystemError for what ends the connection: ECONNRESET, or EPROTO if fds ride on the
// bytes; then neither has been received.
ReceivedBytes receive_bytes(int socket, uint8_t* buffer, size_t capacity, size_t& length);

// Returns how many bytes were sent: 0 if it would block. Throws SystemError: EPIPE, ECONNRESET.
size_t send_bytes(int socket, const uint8_t* bytes, size_t length);

}  // namespace dmabufd
