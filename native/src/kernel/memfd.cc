#include "kernel/memfd.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/types.h>

#include <limits>

#include "kernel/system_error.h"

namespace dmabufd {
namespace {

UniqueFd create_memfd(const std::string& name, uint64_t size, unsigned flags) {
  if (size > static_cast<uint64_t>(std::numeric_limits<off_t>::max())) {
    throw SystemError(EFBIG, "ftruncate");
  }
  UniqueFd memfd(check(::memfd_create(name.c_str(), flags | MFD_ALLOW_SEALING), "memfd_create"));
  check(retry_interrupted([&] { return ::ftruncate(memfd.get(), static_cast<off_t>(size)); }), "ftruncate");
  return memfd;
}

}  // namespace

UniqueFd create_sealed_memfd(const std::string& name, uint64_t size, bool cloexec) {
  UniqueFd memfd = create_memfd(name, size, cloexec ? MFD_CLOEXEC : 0U);
  check(::fcntl(memfd.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL), "fcntl(F_ADD_SEALS)");
  return memfd;
}

UniqueFd create_memfd_for_udmabuf(uint64_t size) {
  UniqueFd memfd = create_memfd("dmabufd-udmabuf", size, MFD_CLOEXEC);
  check(::fcntl(memfd.get(), F_ADD_SEALS, F_SEAL_SHRINK), "fcntl(F_ADD_SEALS)");
  return memfd;
}

UniqueFd reopen_read_only(int memfd) {
  const std::string path = "/proc/self/fd/" + std::to_string(memfd);
  return UniqueFd(
      check(retry_interrupted([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); }), "open"));
}

}  // namespace dmabufd
