// Shared memory that no one can cut under its readers: memfd_create(2), sealed.
#pragma once

#include <cstdint>
#include <string>

#include "kernel/unique_fd.h"

namespace dmabufd {

// A memfd of exactly `size` bytes with F_SEAL_SHRINK, F_SEAL_GROW and F_SEAL_SEAL.
UniqueFd create_sealed_memfd(const std::string& name, uint64_t size, bool cloexec);

// A memfd of `size` bytes that udmabuf accepts: F_SEAL_SHRINK and no more (udmabuf refuses F_SEAL_WRITE).
UniqueFd create_memfd_for_udmabuf(uint64_t size);

// A second open file of the same memfd, for reading only.
UniqueFd reopen_read_only(int memfd);

}  // namespace dmabufd
