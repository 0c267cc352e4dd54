#include "kernel/dma_buf.h"

#include <fcntl.h>

#include "binding/arguments.h"
#include "binding/bindings.h"
#include "binding/fd_object.h"
#include "binding/promise_work.h"
#include "kernel/fd_description.h"

namespace dmabufd {
namespace {

const char* name_of(FdKind kind) {
  switch (kind) {
    case FdKind::kDmaBuf:
      return "dma-buf";
    case FdKind::kMemfd:
      return "memfd";
    case FdKind::kSyncFile:
      return "sync-file";
    case FdKind::kOther:
      break;
  }
  return "other";
}

const char* name_of_access(int mode) {
  if (mode == O_RDONLY) return "read-only";
  return mode == O_WRONLY ? "write-only" : "read-write";
}

Napi::Number number(Napi::Env env, uint64_t value) { return Napi::Number::New(env, static_cast<double>(value)); }

}  // namespace

Napi::Value size_by_lseek_binding(const Napi::CallbackInfo& info) {
  const SharedFd fd = FdObject::shared(info[0], "fd");
  return number(info.Env(), call_core(info.Env(), [&] { return size_by_lseek(fd->get()); }));
}

Napi::Value size_by_stat_binding(const Napi::CallbackInfo& info) {
  const SharedFd fd = FdObject::shared(info[0], "fd");
  return number(info.Env(), call_core(info.Env(), [&] { return size_by_stat(fd->get()); }));
}

Napi::Value lseek_binding(const Napi::CallbackInfo& info) {
  const SharedFd fd = FdObject::shared(info[0], "fd");
  const int64_t offset = to_int64(info[1], "offset");
  const auto whence = static_cast<int>(to_uint32(info[2], "whence"));
  const int64_t position = call_core(info.Env(), [&] { return seek(fd->get(), offset, whence); });
  return Napi::Number::New(info.Env(), static_cast<double>(position));
}

Napi::Value sync_dma_buf_binding(const Napi::CallbackInfo& info) {
  const SharedFd fd = FdObject::shared(info[0], "fd");
  const uint64_t flags = to_uint64(info[1], "flags");
  return PromiseWork<bool>::start(
      info.Env(),
      [=] {
        sync_dma_buf(fd->get(), flags);
        return true;
      },
      [](Napi::Env env, bool) { return env.Undefined(); });
}

Napi::Value begin_sync_binding(const Napi::CallbackInfo& info) {
  const SharedFd fd = FdObject::shared(info[0], "fd");
  const uint64_t direction = to_uint64(info[1], "direction");
  return PromiseWork<bool>::start(
      info.Env(), [=] { return begin_sync(fd->get(), direction); },
      [](Napi::Env env, bool began) { return Napi::Boolean::New(env, began); });
}

Napi::Value export_sync_file_binding(const Napi::CallbackInfo& info) {
  const SharedFd fd = FdObject::shared(info[0], "fd");
  const uint32_t flags = to_uint32(info[1], "flags");
  return FdObject::wrap(info.Env(), call_core(info.Env(), [&] { return export_sync_file(fd->get(), flags); }));
}

Napi::Value import_sync_file_binding(const Napi::CallbackInfo& info) {
  const SharedFd fd = FdObject::shared(info[0], "fd");
  const uint32_t flags = to_uint32(info[1], "flags");
  const SharedFd sync_file = FdObject::shared(info[2], "syncFile");
  call_core(info.Env(), [&] { import_sync_file(fd->get(), flags, sync_file->get()); });
  return info.Env().Undefined();
}

Napi::Value set_dma_buf_name_binding(const Napi::CallbackInfo& info) {
  const SharedFd fd = FdObject::shared(info[0], "fd");
  const std::string name = to_text(info[1], "name");
  call_core(info.Env(), [&] { set_dma_buf_name(fd->get(), name); });
  return info.Env().Undefined();
}

Napi::Value describe_fd_binding(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const SharedFd fd = FdObject::shared(info[0], "fd");
  const FdDescription description = call_core(env, [&] { return describe_fd(fd->get()); });
  Napi::Object result = Napi::Object::New(env);
  result.Set("kind", name_of(description.kind));
  result.Set("inode", number(env, description.inode));
  result.Set("device", number(env, description.device));
  result.Set("access", name_of_access(description.access_mode));
  result.Set("seals", description.seals);
  return result;
}

Napi::Value poll_now_binding(const Napi::CallbackInfo& info) {
  const SharedFd fd = FdObject::shared(info[0], "fd");
  const auto events = static_cast<short>(to_uint32(info[1], "events"));
  return Napi::Number::New(info.Env(), call_core(info.Env(), [&] { return poll_now(fd->get(), events); }));
}

}  // namespace dmabufd
