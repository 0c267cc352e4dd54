// What the fuzz targets share: the fuzzer's bytes read as choices, from the front, so that a seed can be written by hand;
// and a rule that must hold.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

namespace dmabufd {

class Input {
 public:
  Input(const uint8_t* bytes, size_t size) : bytes_(bytes), size_(size) {}

  bool empty() const { return size_ == 0; }
  size_t size() const { return size_; }
  const uint8_t* bytes() const { return bytes_; }

  // Past the end everything is 0.
  uint8_t u8() {
    if (size_ == 0) return 0;
    size_--;
    return *bytes_++;
  }
  uint16_t u16() {
    const uint16_t low = u8();
    return static_cast<uint16_t>(low | (u8() << 8));
  }

 private:
  const uint8_t* bytes_;
  size_t size_;
};

// Ends the process, which the fuzzer reports together with the input.
inline void must(bool holds, const char* rule) {
  if (holds) return;
  (void)std::fprintf(stderr, "broken rule: %s\n", rule);
  std::abort();
}

}  // namespace dmabufd
