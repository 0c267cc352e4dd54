// A JavaScript function that the event loop calls.
#pragma once

#include <napi.h>

#include <initializer_list>

namespace dmabufd {

class JsCallback {
 public:
  JsCallback(Napi::Env env, const Napi::Function& function)
      : context_(env, "dmabufd"), function_(Napi::Persistent(function)) {}

  // Runs the function, and the microtasks after it. What it throws is an uncaught exception of the process, as it is for
  // any callback of Node's own; it never unwinds through libuv.
  void call(std::initializer_list<napi_value> arguments) {
    const Napi::Env env = function_.Env();
    try {
      // The receiver must be an object: napi_make_callback refuses undefined.
      function_.MakeCallback(env.Global(), arguments, context_);
    } catch (const Napi::Error& thrown) {
      napi_fatal_exception(env, thrown.Value());
    }
  }

 private:
  Napi::AsyncContext context_;
  Napi::FunctionReference function_;
};

}  // namespace dmabufd
