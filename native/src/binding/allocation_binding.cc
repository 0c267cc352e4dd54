#include <fcntl.h>

#include "binding/arguments.h"
#include "binding/bindings.h"
#include "binding/fd_object.h"
#include "binding/promise_work.h"
#include "kernel/dma_heap.h"
#include "kernel/memfd.h"
#include "kernel/udmabuf.h"

namespace dmabufd {
namespace {

Napi::Value allocate(Napi::Env env, std::function<UniqueFd()> call) {
  return PromiseWork<UniqueFd>::start(env, std::move(call), [](Napi::Env js, UniqueFd fd) -> Napi::Value {
    return FdObject::wrap(js, std::move(fd));
  });
}

int access_mode(Napi::Env env, const std::string& access) {
  if (access == "read-write") return O_RDWR;
  if (access == "read-only") return O_RDONLY;
  throw Napi::TypeError::New(env, "access must be 'read-write' or 'read-only'");
}

uint32_t dma_heap_fd_flags(const Napi::Value& choice) {
  const int mode = access_mode(choice.Env(), text_or(choice, "access", "read-write"));
  return static_cast<uint32_t>(mode | (flag_or(choice, "cloexec", true) ? O_CLOEXEC : 0));
}

}  // namespace

Napi::Value allocate_from_dma_heap_binding(const Napi::CallbackInfo& info) {
  const std::string path = to_text(info[0], "path");
  const uint64_t size = to_uint64(info[1], "sizeBytes");
  const uint32_t fd_flags = dma_heap_fd_flags(info[2]);
  return allocate(info.Env(), [=] { return allocate_from_dma_heap(path, size, fd_flags); });
}

Napi::Value create_udmabuf_binding(const Napi::CallbackInfo& info) {
  const uint64_t size = to_uint64(info[0], "sizeBytes");
  const bool cloexec = flag_or(info[1], "cloexec", true);
  return allocate(info.Env(), [=] { return create_udmabuf(size, cloexec); });
}

Napi::Value create_memfd_binding(const Napi::CallbackInfo& info) {
  const std::string name = to_text(info[0], "name");
  const uint64_t size = to_uint64(info[1], "sizeBytes");
  const bool cloexec = flag_or(info[2], "cloexec", true);
  return allocate(info.Env(), [=] { return create_sealed_memfd(name, size, cloexec); });
}

Napi::Value reopen_binding(const Napi::CallbackInfo& info) {
  const SharedFd memfd = FdObject::shared(info[0], "memfd");
  const int mode = access_mode(info.Env(), to_text(info[1], "access"));
  return FdObject::wrap(info.Env(), call_core(info.Env(), [&] { return reopen_memfd(memfd->get(), mode); }));
}

Napi::Value is_held_elsewhere_binding(const Napi::CallbackInfo& info) {
  const SharedFd memfd = FdObject::shared(info[0], "memfd");
  return Napi::Boolean::New(info.Env(), call_core(info.Env(), [&] { return is_held_elsewhere(memfd->get()); }));
}

}  // namespace dmabufd
