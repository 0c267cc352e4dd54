// Bytes for JavaScript, as views of memory that many share, like the pool of Node's Buffer: for a few bytes, memory of their own is
// what costs most.
#pragma once

#include <napi.h>

#include <cstddef>
#include <cstdint>

namespace dmabufd {

class BytePool {
 public:
  // A Uint8Array with a copy of the bytes, which stays as it is.
  Napi::Value copy(Napi::Env env, const uint8_t* bytes, size_t length);

 private:
  Napi::ArrayBuffer with_room(Napi::Env env, size_t length);

  Napi::Reference<Napi::ArrayBuffer> memory_;
  size_t used_ = 0;
};

}  // namespace dmabufd
