#include "kernel/udmabuf.h"

#include <fcntl.h>
#include <linux/udmabuf.h>
#include <sys/ioctl.h>

#include "kernel/memfd.h"
#include "kernel/system_error.h"

namespace dmabufd {

UniqueFd create_udmabuf(uint64_t size, bool cloexec) {
  const UniqueFd device(
      check(retry_interrupted([&] { return ::open("/dev/udmabuf", O_RDWR | O_CLOEXEC); }), "open"));
  const UniqueFd pages = create_memfd_for_udmabuf(size);
  udmabuf_create request{};
  request.memfd = static_cast<uint32_t>(pages.get());
  request.flags = cloexec ? UDMABUF_FLAGS_CLOEXEC : 0U;
  request.size = size;
  return UniqueFd(check(retry_interrupted([&] { return ::ioctl(device.get(), UDMABUF_CREATE, &request); }),
                        "ioctl(UDMABUF_CREATE)"));
}

}  // namespace dmabufd
