#include "fd_plane/request.h"

#include <endian.h>

#include <cstring>

namespace dmabufd {
namespace {

// What a request of each opcode looks like.
struct Form {
  const char* name;
  size_t fds;
  size_t min_payload;
  size_t max_payload;
  size_t payload_step;
};

constexpr size_t kId = sizeof(uint64_t);

constexpr Form kFetch{"FETCH", 0, kId, kId * DMABUFD_FD_MAX_FDS, kId};
constexpr Form kRelease{"RELEASE", 0, kId, kId * DMABUFD_FD_MAX_FDS, kId};
constexpr Form kAdopt{"ADOPT", 1, sizeof(dmabufd_fd_adopt), sizeof(dmabufd_fd_adopt), 1};
constexpr Form kExportFence{"EXPORT_FENCE", 0, sizeof(dmabufd_fd_fence), sizeof(dmabufd_fd_fence), 1};
constexpr Form kImportFence{"IMPORT_FENCE", 1, sizeof(dmabufd_fd_fence), sizeof(dmabufd_fd_fence), 1};

const Form* form_of(uint16_t opcode) {
  switch (opcode) {
    case DMABUFD_FD_FETCH:
      return &kFetch;
    case DMABUFD_FD_ADOPT:
      return &kAdopt;
    case DMABUFD_FD_RELEASE:
      return &kRelease;
    case DMABUFD_FD_EXPORT_FENCE:
      return &kExportFence;
    case DMABUFD_FD_IMPORT_FENCE:
      return &kImportFence;
    default:
      return nullptr;
  }
}

std::string number(uint64_t value) { return std::to_string(value); }

std::string check_payload(const Form& form, size_t length) {
  const std::string name = form.name;
  if (length >= form.min_payload && length <= form.max_payload && length % form.payload_step == 0) return {};
  if (form.min_payload == form.max_payload) {
    return name + ": payload of " + number(length) + " bytes, must be " + number(form.min_payload);
  }
  return name + ": payload of " + number(length) + " bytes, must be 1 to " + number(DMABUFD_FD_MAX_FDS) +
         " buffer ids of 8 bytes";
}

}  // namespace

std::vector<uint64_t> Request::buffer_ids() const {
  std::vector<uint64_t> ids(payload_length / kId);
  std::memcpy(ids.data(), payload, ids.size() * kId);
  for (uint64_t& id : ids) id = le64toh(id);
  return ids;
}

std::string parse_request(const uint8_t* bytes, size_t length, size_t fd_count, Request& request) {
  if (length < sizeof(dmabufd_fd_header)) {
    return "datagram of " + number(length) + " bytes, a header has " + number(sizeof(dmabufd_fd_header));
  }
  dmabufd_fd_header header{};
  std::memcpy(&header, bytes, sizeof(header));
  const uint16_t opcode = le16toh(header.opcode);
  const Form* form = form_of(opcode);
  if (form == nullptr) return "opcode " + number(opcode) + " is none that a client sends (3 to 7)";
  if (le32toh(header.length) != length) {
    return "length " + number(le32toh(header.length)) + " in the header of a datagram of " + number(length) + " bytes";
  }
  if (le32toh(header.status) != 0) return "status " + number(le32toh(header.status)) + " in a request, must be 0";
  if (le16toh(header.fd_count) != fd_count) {
    return "fd_count " + number(le16toh(header.fd_count)) + " in a datagram that carries " + number(fd_count);
  }
  if (fd_count != form->fds) {
    return std::string(form->name) + ": " + number(fd_count) + " fds, must be " + number(form->fds);
  }
  request.opcode = opcode;
  request.serial = le32toh(header.serial);
  request.payload = bytes + sizeof(header);
  request.payload_length = length - sizeof(header);
  return check_payload(*form, request.payload_length);
}

}  // namespace dmabufd
