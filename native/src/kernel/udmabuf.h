// dma-bufs made of the pages of a memfd: /dev/udmabuf (linux/udmabuf.h).
#pragma once

#include <cstdint>

#include "kernel/unique_fd.h"

namespace dmabufd {

// `size` is a multiple of the page size. The memfd behind the buffer is closed again: the dma-buf keeps its pages.
UniqueFd create_udmabuf(uint64_t size, bool cloexec);

}  // namespace dmabufd
