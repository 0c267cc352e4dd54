// Buffers from a dma-heap: a node in /dev/dma_heap (linux/dma-heap.h).
#pragma once

#include <cstdint>
#include <string>

#include "kernel/unique_fd.h"

namespace dmabufd {

// Allocates at least `size` bytes; the kernel rounds up to pages. `fd_flags` are within O_CLOEXEC | O_ACCMODE:
// without O_RDWR the fd that comes back can only be mapped for reading.
UniqueFd allocate_from_dma_heap(const std::string& path, uint64_t size, uint32_t fd_flags);

}  // namespace dmabufd
