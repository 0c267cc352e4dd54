#include "binding/arguments.h"

#include <cmath>
#include <cstring>
#include <limits>

namespace dmabufd {
namespace {

constexpr double kMaxSafeInteger = 9007199254740991.0;

[[noreturn]] void refuse(const Napi::Value& value, const char* name, const char* what) {
  throw Napi::TypeError::New(value.Env(), std::string(name) + " must be " + what);
}

double to_integer(const Napi::Value& value, const char* name, double min, double max, const char* what) {
  if (!value.IsNumber()) refuse(value, name, what);
  const double number = value.As<Napi::Number>().DoubleValue();
  if (!(number >= min && number <= max) || std::trunc(number) != number) refuse(value, name, what);
  return number;
}

Napi::Value property_or_undefined(const Napi::Value& options, const char* name) {
  if (options.IsUndefined()) return options;
  return to_object(options, "options").Get(name);
}

}  // namespace

Napi::Error to_js_error(Napi::Env env, const SystemError& failure) {
  const char* code = ::strerrorname_np(failure.error());
  const std::string name = code != nullptr ? code : "E" + std::to_string(failure.error());
  Napi::Error error = Napi::Error::New(
      env, name + ": " + ::strerrordesc_np(failure.error()) + ", " + failure.syscall());
  Napi::Object object = error.Value();
  object.Set("code", name);
  object.Set("errno", failure.error());
  object.Set("syscall", failure.syscall());
  return error;
}

uint64_t to_uint64(const Napi::Value& value, const char* name) {
  return static_cast<uint64_t>(to_integer(value, name, 0, kMaxSafeInteger, "an integer from 0 to 2^53 - 1"));
}

int64_t to_int64(const Napi::Value& value, const char* name) {
  return static_cast<int64_t>(to_integer(value, name, -kMaxSafeInteger, kMaxSafeInteger, "a safe integer"));
}

uint32_t to_uint32(const Napi::Value& value, const char* name) {
  constexpr double max = std::numeric_limits<uint32_t>::max();
  return static_cast<uint32_t>(to_integer(value, name, 0, max, "an integer from 0 to 2^32 - 1"));
}

std::string to_text(const Napi::Value& value, const char* name) {
  if (!value.IsString()) refuse(value, name, "a string");
  std::string text = value.As<Napi::String>().Utf8Value();
  if (text.find('\0') != std::string::npos) refuse(value, name, "a string without NUL");
  return text;
}

std::vector<uint8_t> to_bytes(const Napi::Value& value, const char* name) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
    refuse(value, name, "a Uint8Array");
  }
  const auto array = value.As<Napi::Uint8Array>();
  return std::vector<uint8_t>(array.Data(), array.Data() + array.ByteLength());
}

Napi::Function to_function(const Napi::Value& value, const char* name) {
  if (!value.IsFunction()) refuse(value, name, "a function");
  return value.As<Napi::Function>();
}

Napi::Object to_object(const Napi::Value& value, const char* name) {
  if (!value.IsObject()) refuse(value, name, "an object");
  return value.As<Napi::Object>();
}

bool flag_or(const Napi::Value& options, const char* name, bool otherwise) {
  const Napi::Value value = property_or_undefined(options, name);
  if (value.IsUndefined()) return otherwise;
  if (!value.IsBoolean()) refuse(value, name, "a boolean");
  return value.As<Napi::Boolean>().Value();
}

std::string text_or(const Napi::Value& options, const char* name, const char* otherwise) {
  const Napi::Value value = property_or_undefined(options, name);
  return value.IsUndefined() ? otherwise : to_text(value, name);
}

Napi::Value copy_bytes(Napi::Env env, const uint8_t* bytes, size_t length) {
  auto array = Napi::Uint8Array::New(env, length);
  if (length > 0) std::memcpy(array.Data(), bytes, length);
  return Napi::Value(env, array);
}

}  // namespace dmabufd
