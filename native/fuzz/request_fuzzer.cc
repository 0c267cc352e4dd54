// parse_request over any bytes and any number of fds: it accepts what dmabufd_fd.h allows and nothing else.
//
// Input: number of fds (2 bytes), then the datagram.
#include "fd_plane/request.h"

#include <endian.h>

#include <cstring>
#include <string>

#include "input.h"

namespace dmabufd {
namespace {

// The rules of dmabufd_fd.h once more, in the words of its comments and not in those of the parser.
bool header_allows(const dmabufd_fd_header& header, size_t length, size_t fd_count) {
  return le32toh(header.length) == length && le16toh(header.fd_count) == fd_count && header.status == 0;
}

bool form_allows(uint16_t opcode, size_t payload, size_t fd_count) {
  switch (opcode) {
    case DMABUFD_FD_FETCH:
    case DMABUFD_FD_RELEASE:
      return fd_count == 0 && payload % 8 == 0 && payload / 8 >= 1 && payload / 8 <= 253;
    case DMABUFD_FD_ADOPT:
      return fd_count == 1 && payload == sizeof(dmabufd_fd_adopt);
    case DMABUFD_FD_EXPORT_FENCE:
      return fd_count == 0 && payload == sizeof(dmabufd_fd_fence);
    case DMABUFD_FD_IMPORT_FENCE:
      return fd_count == 1 && payload == sizeof(dmabufd_fd_fence);
    default:
      return false;
  }
}

void check_buffer_ids(const Request& request) {
  std::string encoded;
  for (const uint64_t id : request.buffer_ids()) {
    for (int bit = 0; bit < 64; bit += 8) encoded.push_back(static_cast<char>((id >> bit) & 0xff));
  }
  const std::string payload(reinterpret_cast<const char*>(request.payload), request.payload_length);
  must(encoded == payload, "the buffer ids are those of the payload, little-endian, all of them");
}

// It goes into a GOODBYE and a log.
void check_reason(const std::string& reason) {
  must(reason.size() < 200, "a reason is short, whatever the datagram was");
  for (const char c : reason) must(c >= ' ' && c <= '~', "a reason is printable");
}

void check_accepted(const Request& request, const dmabufd_fd_header& header, const uint8_t* bytes, size_t length) {
  must(request.opcode == le16toh(header.opcode), "the opcode is the header's");
  must(request.serial == le32toh(header.serial), "the serial is the header's");
  must(request.payload == bytes + sizeof(header), "the payload follows the header");
  must(request.payload_length == length - sizeof(header), "the payload ends with the datagram");
  if (request.opcode == DMABUFD_FD_FETCH || request.opcode == DMABUFD_FD_RELEASE) check_buffer_ids(request);
}

void run(Input input) {
  const size_t fd_count = input.u16();
  const size_t length = input.size();
  dmabufd_fd_header header{};
  const bool has_header = length >= sizeof(header);
  if (has_header) std::memcpy(&header, input.bytes(), sizeof(header));
  const bool allowed = has_header && header_allows(header, length, fd_count) &&
                       form_allows(le16toh(header.opcode), length - sizeof(header), fd_count);

  Request request{};
  const std::string violation = parse_request(input.bytes(), length, fd_count, request);
  must(violation.empty() == allowed, "accepted is what dmabufd_fd.h allows, and nothing else");
  check_reason(violation);
  if (allowed) check_accepted(request, header, input.bytes(), length);
}

}  // namespace
}  // namespace dmabufd

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  dmabufd::run(dmabufd::Input(data, size));
  return 0;
}
