#include "binding/fd_object.h"

#include <fcntl.h>

#include <utility>

#include "binding/arguments.h"
#include "binding/environment.h"
#include "binding/promise_work.h"

namespace dmabufd {
namespace {

// Tells an Fd from any other wrapped object, whatever its prototype says.
constexpr napi_type_tag kFdTag{0x646d616275666431, 0x6f776e6564206664};

}  // namespace

Napi::Function FdObject::define(Napi::Env env) {
  return DefineClass(env, "Fd",
                     {InstanceAccessor<&FdObject::number>("number"), InstanceAccessor<&FdObject::closed>("closed"),
                      InstanceMethod<&FdObject::close>("close"), InstanceMethod<&FdObject::duplicate>("duplicate"),
                      InstanceMethod<&FdObject::release>("release"),
                      InstanceMethod<&FdObject::close>(Napi::Symbol::WellKnown(env, "dispose"))});
}

Napi::Object FdObject::wrap(Napi::Env env, UniqueFd fd) {
  return Environment::of(env).fd_class.New({Napi::External<void>::New(env, &fd)});
}

Napi::Value FdObject::wrap_or_null(Napi::Env env, UniqueFd fd) {
  if (!fd.valid()) return env.Null();
  return wrap(env, std::move(fd));
}

FdObject::FdObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<FdObject>(info) {
  fd_ = share(std::move(*static_cast<UniqueFd*>(take_internal(info))));
  info.This().As<Napi::Object>().TypeTag(&kFdTag);
}

FdObject& FdObject::unwrap(const Napi::Value& value, const char* name) {
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&kFdTag)) {
    throw Napi::TypeError::New(value.Env(), std::string(name) + " must be an Fd");
  }
  return *Unwrap(value.As<Napi::Object>());
}

SharedFd FdObject::open_fd(Napi::Env env) const {
  if (fd_ == nullptr) throw to_js_error(env, SystemError(EBADF, "Fd"));
  return fd_;
}

SharedFd FdObject::shared(const Napi::Value& value, const char* name) {
  return unwrap(value, name).open_fd(value.Env());
}

std::vector<SharedFd> FdObject::shared_all(const Napi::Value& value, const char* name) {
  std::vector<SharedFd> fds;
  if (value.IsUndefined()) return fds;
  if (!value.IsArray()) throw Napi::TypeError::New(value.Env(), std::string(name) + " must be an array of Fd");
  const auto array = value.As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); i++) fds.push_back(shared(array.Get(i), name));
  return fds;
}

UniqueFd FdObject::take(const Napi::Value& value, const char* name) {
  return unwrap(value, name).take_out(value.Env());
}

SharedFd FdObject::give_up(const Napi::Value& value, const char* name) {
  return std::exchange(unwrap(value, name).fd_, nullptr);
}

UniqueFd FdObject::take_out(Napi::Env env) {
  if (open_fd(env).use_count() > 2) throw to_js_error(env, SystemError(EBUSY, "Fd"));
  UniqueFd fd(fd_->release());
  fd_.reset();
  return fd;
}

Napi::Value FdObject::number(const Napi::CallbackInfo& info) {
  check_receiver(info, kFdTag);
  return Napi::Number::New(info.Env(), open_fd(info.Env())->get());
}

Napi::Value FdObject::closed(const Napi::CallbackInfo& info) {
  check_receiver(info, kFdTag);
  return Napi::Boolean::New(info.Env(), fd_ == nullptr);
}

Napi::Value FdObject::duplicate(const Napi::CallbackInfo& info) {
  const SharedFd fd = open_fd(info.Env());
  return wrap(info.Env(), call_core(info.Env(), [&] {
                return UniqueFd(check(::fcntl(fd->get(), F_DUPFD_CLOEXEC, 0), "fcntl(F_DUPFD_CLOEXEC)"));
              }));
}

Napi::Value FdObject::release(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), take_out(info.Env()).release());
}

void FdObject::close(const Napi::CallbackInfo&) { fd_.reset(); }

Napi::Value adopt_fd(const Napi::CallbackInfo& info) {
  const auto number = static_cast<int>(to_uint32(info[0], "number"));
  call_core(info.Env(), [&] { return check(::fcntl(number, F_SETFD, FD_CLOEXEC), "fcntl(F_SETFD)"); });
  return FdObject::wrap(info.Env(), UniqueFd(number));
}

// The reference goes to the other thread in any case: whether it is the last one can change until it is dropped.
Napi::Value close_fd(const Napi::CallbackInfo& info) {
  SharedFd fd = FdObject::give_up(info[0], "fd");
  return PromiseWork<bool>::start(
      info.Env(),
      [fd = std::move(fd)]() mutable {
        fd.reset();
        return true;
      },
      [](Napi::Env env, bool) { return env.Undefined(); });
}

}  // namespace dmabufd
