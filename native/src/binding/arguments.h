// What crosses between JavaScript and the core: arguments that are checked before they are used, and errors.
#pragma once

#include <napi.h>

#include <cstdint>
#include <string>
#include <vector>

#include "kernel/system_error.h"

namespace dmabufd {

// A JavaScript Error for a failed system call, with `code`, `errno` and `syscall` as Node's own have them.
Napi::Error to_js_error(Napi::Env env, const SystemError& failure);

// Runs the core and turns its SystemError into a JavaScript exception.
template <typename Call>
auto call_core(Napi::Env env, Call call) {
  try {
    return call();
  } catch (const SystemError& failure) {
    throw to_js_error(env, failure);
  }
}

// Each throws a TypeError that names the argument if the value is not of its kind.
uint64_t to_uint64(const Napi::Value& value, const char* name);  // an integer from 0 to 2^53 - 1
int64_t to_int64(const Napi::Value& value, const char* name);    // an integer of at most 2^53 - 1 either way
uint32_t to_uint32(const Napi::Value& value, const char* name);
std::string to_text(const Napi::Value& value, const char* name);  // without NUL
std::vector<uint8_t> to_bytes(const Napi::Value& value, const char* name);
Napi::Function to_function(const Napi::Value& value, const char* name);
Napi::Object to_object(const Napi::Value& value, const char* name);

// An optional property of an optional object.
bool flag_or(const Napi::Value& options, const char* name, bool otherwise);
std::string text_or(const Napi::Value& options, const char* name, const char* otherwise);

Napi::Value copy_bytes(Napi::Env env, const uint8_t* bytes, size_t length);

}  // namespace dmabufd
