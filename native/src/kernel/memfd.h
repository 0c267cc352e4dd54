// Shared memory that no one can cut under its readers: memfd_create(2), sealed.
#pragma once

#include <cstdint>
#include <string>

#include "kernel/unique_fd.h"

namespace dmabufd {

// A memfd of exactly `size` bytes with F_SEAL_SHRINK, F_SEAL_GROW and F_SEAL_SEAL, in a file that is_held_elsewhere sees.
UniqueFd create_sealed_memfd(const std::string& name, uint64_t size, bool cloexec);

// A memfd of `size` bytes that udmabuf accepts: F_SEAL_SHRINK and no more (udmabuf refuses F_SEAL_WRITE).
UniqueFd create_memfd_for_udmabuf(uint64_t size);

// Another open file of the same memfd, O_RDONLY or O_RDWR.
UniqueFd reopen_memfd(int memfd, int access_mode);

// Whether anybody has another open file of the memfd: a process, a mapping, a datagram on its way. Only files that were opened
// count, and not the one that memfd_create(2) itself returned. EACCES unless the memfd is this user's.
bool is_held_elsewhere(int memfd);

}  // namespace dmabufd
