#include "binding/byte_pool.h"

#include <cstring>

#include "binding/arguments.h"

namespace dmabufd {
namespace {

constexpr size_t kPoolBytes = 8192;

}  // namespace

Napi::Value BytePool::copy(Napi::Env env, const uint8_t* bytes, size_t length) {
  if (length > kPoolBytes / 2) return copy_bytes(env, bytes, length);
  const Napi::ArrayBuffer memory = with_room(env, length);
  auto view = Napi::Uint8Array::New(env, length, memory, used_);
  if (length > 0) std::memcpy(view.Data(), bytes, length);
  used_ += length;
  return Napi::Value(env, view);
}

Napi::ArrayBuffer BytePool::with_room(Napi::Env env, size_t length) {
  if (!memory_.IsEmpty()) {
    Napi::ArrayBuffer memory = memory_.Value();
    // JavaScript can have detached it: then it has no bytes.
    if (used_ + length <= memory.ByteLength()) return memory;
  }
  const Napi::ArrayBuffer memory = Napi::ArrayBuffer::New(env, kPoolBytes);
  memory_ = Napi::Persistent(memory);
  used_ = 0;
  return memory;
}

}  // namespace dmabufd
