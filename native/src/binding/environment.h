// What belongs to one JavaScript environment (the main thread, or a worker): the classes it made, and the relay of the
// connections that it accepted. There are no globals, so that worker threads may load the addon too.
#pragma once

#include <napi.h>

#include "relay/stream_relay.h"

namespace dmabufd {

struct Environment {
  Napi::FunctionReference fd_class;
  Napi::FunctionReference mapping_class;
  Napi::FunctionReference seqpacket_class;
  Napi::FunctionReference stream_listener_class;
  Napi::FunctionReference fd_watch_class;
  Napi::FunctionReference fd_plane_class;
  StreamRelay stream_relay{};

  static Environment& of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }
};

// Throws unless the object was constructed by the addon itself: its classes are not for `new` in JavaScript.
inline void* take_internal(const Napi::CallbackInfo& info) {
  if (info.Length() != 1 || !info[0].IsExternal()) {
    throw Napi::TypeError::New(info.Env(), "not constructible: use the functions of the addon");
  }
  return info[0].As<Napi::External<void>>().Data();
}

// Throws unless `this` is an object of the class with this tag. Node-API checks the receiver of methods, but not of accessors,
// which anybody can take from the prototype and apply to another wrapped object.
inline void check_receiver(const Napi::CallbackInfo& info, const napi_type_tag& tag) {
  const Napi::Value receiver = info.This();
  if (!receiver.IsObject() || !receiver.As<Napi::Object>().CheckTypeTag(&tag)) {
    throw Napi::TypeError::New(info.Env(), "Illegal invocation");
  }
}

}  // namespace dmabufd
