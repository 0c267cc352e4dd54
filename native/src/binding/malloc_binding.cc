#include <cstdlib>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "binding/bindings.h"
#include "binding/promise_work.h"

namespace dmabufd {
namespace {

// Only of glibc. Holds malloc's lock for as long as it takes to walk over what is free.
bool trim_malloc() {
#ifdef __GLIBC__
  return ::malloc_trim(0) == 1;
#else
  return false;
#endif
}

}  // namespace

Napi::Value trim_malloc_binding(const Napi::CallbackInfo& info) {
  return PromiseWork<bool>::start(info.Env(), trim_malloc, [](Napi::Env env, bool has_given_back) -> Napi::Value {
    return Napi::Boolean::New(env, has_given_back);
  });
}

}  // namespace dmabufd
