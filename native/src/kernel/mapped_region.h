// A dma-buf or memfd that is mapped into this process. Unmapped when the last owner lets go, so that a view of it
// that JavaScript still holds never points at nothing.
#pragma once

#include <cstddef>
#include <cstdint>

namespace dmabufd {

class MappedRegion {
 public:
  // Maps the first `length` bytes, shared. Refuses with EPERM what could be cut under its readers (a SIGBUS):
  // everything but a dma-buf and a memfd with F_SEAL_SHRINK; and with EINVAL more bytes than there are.
  MappedRegion(int fd, size_t length, bool writable);
  ~MappedRegion();
  MappedRegion(const MappedRegion&) = delete;
  MappedRegion(MappedRegion&&) = delete;
  MappedRegion& operator=(const MappedRegion&) = delete;
  MappedRegion& operator=(MappedRegion&&) = delete;

  uint8_t* data() const { return data_; }
  size_t length() const { return length_; }
  bool writable() const { return writable_; }

 private:
  uint8_t* data_;
  size_t length_;
  bool writable_;
};

}  // namespace dmabufd
