// A system call that can block, on a thread of libuv's pool, answered with a promise.
#pragma once

#include <napi.h>

#include <functional>
#include <optional>
#include <utility>

#include "binding/arguments.h"

namespace dmabufd {

// `Result` is what the call makes on the other thread; `to_js` turns it into a value on this one.
template <typename Result>
class PromiseWork : public Napi::AsyncWorker {
 public:
  using Call = std::function<Result()>;
  using ToJs = std::function<Napi::Value(Napi::Env, Result)>;

  static Napi::Value start(Napi::Env env, Call call, ToJs to_js) {
    auto* work = new PromiseWork(env, std::move(call), std::move(to_js));
    const Napi::Promise promise = work->deferred_.Promise();
    work->Queue();
    return promise;
  }

 private:
  PromiseWork(Napi::Env env, Call call, ToJs to_js)
      : Napi::AsyncWorker(env, "dmabufd"),
        deferred_(Napi::Promise::Deferred::New(env)),
        call_(std::move(call)),
        to_js_(std::move(to_js)) {}

  void Execute() override {
    try {
      result_ = call_();
    } catch (const SystemError& failure) {
      failure_ = failure;
    }
  }

  void OnWorkComplete(Napi::Env env, napi_status status) override {
    try {
      const Napi::HandleScope scope(env);
      if (status == napi_ok) settle(env);
    } catch (const Napi::Error&) {
      // The environment is closing (a worker that is terminated): no JavaScript runs, and nobody waits any more.
    }
    Destroy();
  }

  void settle(Napi::Env env) {
    if (failure_.has_value()) return deferred_.Reject(to_js_error(env, *failure_).Value());
    deferred_.Resolve(to_js_(env, std::move(*result_)));
  }

  Napi::Promise::Deferred deferred_;
  Call call_;
  ToJs to_js_;
  std::optional<Result> result_;
  std::optional<SystemError> failure_;
};

}  // namespace dmabufd
