#include "kernel/dma_heap.h"

#include <fcntl.h>
#include <linux/dma-heap.h>
#include <sys/ioctl.h>

#include "kernel/system_error.h"

namespace dmabufd {

UniqueFd allocate_from_dma_heap(const std::string& path, uint64_t size, uint32_t fd_flags) {
  const UniqueFd heap(
      check(retry_interrupted([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); }), "open"));
  dma_heap_allocation_data request{};
  request.len = size;
  request.fd_flags = fd_flags;
  check(retry_interrupted([&] { return ::ioctl(heap.get(), DMA_HEAP_IOCTL_ALLOC, &request); }),
        "ioctl(DMA_HEAP_IOCTL_ALLOC)");
  return UniqueFd(static_cast<int>(request.fd));
}

}  // namespace dmabufd
