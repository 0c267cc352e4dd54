// The JavaScript class Mapping: memory of a buffer, and at most one ArrayBuffer that looks into it.
//
// The region is unmapped when both this object and every ArrayBuffer that was made over it have let go. An
// ArrayBuffer lets go when it is detached (or collected), so that even a view whose bytes were moved elsewhere
// (ArrayBuffer.prototype.transfer) never points at unmapped memory.
#pragma once

#include <napi.h>

#include <memory>

#include "kernel/mapped_region.h"

namespace dmabufd {

class MappingObject : public Napi::ObjectWrap<MappingObject> {
 public:
  static Napi::Function define(Napi::Env env);

  explicit MappingObject(const Napi::CallbackInfo& info);

 private:
  const std::shared_ptr<MappedRegion>& region(Napi::Env env) const;
  Napi::ArrayBuffer live_view();
  void detach_view();

  Napi::Value length(const Napi::CallbackInfo& info);
  Napi::Value writable(const Napi::CallbackInfo& info);
  Napi::Value mapped(const Napi::CallbackInfo& info);
  Napi::Value view(const Napi::CallbackInfo& info);
  void detach(const Napi::CallbackInfo& info);
  void read(const Napi::CallbackInfo& info);
  void write(const Napi::CallbackInfo& info);
  void unmap(const Napi::CallbackInfo& info);

  std::shared_ptr<MappedRegion> region_;
  Napi::Reference<Napi::ArrayBuffer> view_;  // weak
  const size_t length_;
  const bool writable_;
};

// map(fd, length, access)
Napi::Value map_binding(const Napi::CallbackInfo& info);

}  // namespace dmabufd
