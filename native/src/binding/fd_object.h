// The JavaScript class Fd: a descriptor that somebody owns, closed at last by the garbage collector.
#pragma once

#include <napi.h>

#include <vector>

#include "kernel/unique_fd.h"

namespace dmabufd {

class FdObject : public Napi::ObjectWrap<FdObject> {
 public:
  static Napi::Function define(Napi::Env env);
  static Napi::Object wrap(Napi::Env env, UniqueFd fd);
  static Napi::Value wrap_or_null(Napi::Env env, UniqueFd fd);

  explicit FdObject(const Napi::CallbackInfo& info);

  // The descriptor behind an argument, to be kept for as long as a call works with it. Throws a TypeError if it is no Fd,
  // and EBADF if it is closed.
  static SharedFd shared(const Napi::Value& value, const char* name);
  static std::vector<SharedFd> shared_all(const Napi::Value& value, const char* name);
  // Takes the descriptor out of an argument: its Fd is closed from now on. EBUSY while a call works with it.
  static UniqueFd take(const Napi::Value& value, const char* name);
  // Takes the reference of an argument, whoever else has one: its Fd is closed from now on. Null if it was already.
  static SharedFd give_up(const Napi::Value& value, const char* name);

 private:
  static FdObject& unwrap(const Napi::Value& value, const char* name);
  SharedFd open_fd(Napi::Env env) const;
  UniqueFd take_out(Napi::Env env);

  Napi::Value number(const Napi::CallbackInfo& info);
  Napi::Value closed(const Napi::CallbackInfo& info);
  Napi::Value duplicate(const Napi::CallbackInfo& info);
  Napi::Value release(const Napi::CallbackInfo& info);
  void close(const Napi::CallbackInfo& info);

  SharedFd fd_;
};

// adoptFd(number)
Napi::Value adopt_fd(const Napi::CallbackInfo& info);
// closeFd(fd)
Napi::Value close_fd(const Napi::CallbackInfo& info);

}  // namespace dmabufd
