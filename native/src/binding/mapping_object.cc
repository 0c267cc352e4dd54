#include "binding/mapping_object.h"

#include <cstring>

#include "binding/arguments.h"
#include "binding/environment.h"
#include "binding/fd_object.h"

namespace dmabufd {
namespace {

constexpr napi_type_tag kMappingTag{0x646d616275666431, 0x6d617070696e6721};

Napi::Uint8Array to_uint8_array(const Napi::Value& value, const char* name) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
    throw Napi::TypeError::New(value.Env(), std::string(name) + " must be a Uint8Array");
  }
  return value.As<Napi::Uint8Array>();
}

}  // namespace

Napi::Function MappingObject::define(Napi::Env env) {
  return DefineClass(
      env, "Mapping",
      {InstanceAccessor<&MappingObject::length>("length"), InstanceAccessor<&MappingObject::writable>("writable"),
       InstanceAccessor<&MappingObject::mapped>("mapped"), InstanceMethod<&MappingObject::view>("view"),
       InstanceMethod<&MappingObject::detach>("detach"), InstanceMethod<&MappingObject::read>("read"),
       InstanceMethod<&MappingObject::write>("write"), InstanceMethod<&MappingObject::unmap>("unmap"),
       InstanceMethod<&MappingObject::unmap>(Napi::Symbol::WellKnown(env, "dispose"))});
}

MappingObject::MappingObject(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<MappingObject>(info),
      region_(std::move(*static_cast<std::shared_ptr<MappedRegion>*>(take_internal(info)))),
      length_(region_->length()),
      writable_(region_->writable()) {
  info.This().As<Napi::Object>().TypeTag(&kMappingTag);
}

const std::shared_ptr<MappedRegion>& MappingObject::region(Napi::Env env) const {
  if (region_ == nullptr) throw to_js_error(env, SystemError(EFAULT, "Mapping"));
  return region_;
}

Napi::ArrayBuffer MappingObject::live_view() {
  if (view_.IsEmpty()) return Napi::ArrayBuffer();
  return view_.Value();
}

void MappingObject::detach_view() {
  Napi::ArrayBuffer view = live_view();
  if (!view.IsEmpty() && !view.IsDetached()) view.Detach();
  view_.Reset();
}

Napi::Value MappingObject::length(const Napi::CallbackInfo& info) {
  check_receiver(info, kMappingTag);
  return Napi::Number::New(info.Env(), static_cast<double>(length_));
}

Napi::Value MappingObject::writable(const Napi::CallbackInfo& info) {
  check_receiver(info, kMappingTag);
  return Napi::Boolean::New(info.Env(), writable_);
}

Napi::Value MappingObject::mapped(const Napi::CallbackInfo& info) {
  check_receiver(info, kMappingTag);
  return Napi::Boolean::New(info.Env(), region_ != nullptr);
}

Napi::Value MappingObject::view(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::shared_ptr<MappedRegion>& mapped = region(env);
  if (!writable_) throw to_js_error(env, SystemError(EACCES, "view of a read-only mapping"));
  const Napi::ArrayBuffer old = live_view();
  if (!old.IsEmpty() && !old.IsDetached()) throw to_js_error(env, SystemError(EBUSY, "view"));
  auto* owner = new std::shared_ptr<MappedRegion>(mapped);
  auto view = Napi::ArrayBuffer::New(
      env, mapped->data(), length_, [](Napi::Env, void*, std::shared_ptr<MappedRegion>* hint) { delete hint; }, owner);
  view_ = Napi::Weak(view);
  return view;
}

void MappingObject::detach(const Napi::CallbackInfo&) { detach_view(); }

void MappingObject::read(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const uint64_t offset = to_uint64(info[0], "offset");
  auto target = to_uint8_array(info[1], "target");
  const std::shared_ptr<MappedRegion>& mapped = region(env);
  if (offset > length_ || target.ByteLength() > length_ - offset) {
    throw to_js_error(env, SystemError(ERANGE, "read of a mapping"));
  }
  if (target.ByteLength() > 0) std::memcpy(target.Data(), mapped->data() + offset, target.ByteLength());
}

void MappingObject::write(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const uint64_t offset = to_uint64(info[0], "offset");
  auto source = to_uint8_array(info[1], "source");
  const std::shared_ptr<MappedRegion>& mapped = region(env);
  if (!writable_) throw to_js_error(env, SystemError(EACCES, "write to a read-only mapping"));
  if (offset > length_ || source.ByteLength() > length_ - offset) {
    throw to_js_error(env, SystemError(ERANGE, "write to a mapping"));
  }
  // The source may be a view of the very same memory.
  if (source.ByteLength() > 0) std::memmove(mapped->data() + offset, source.Data(), source.ByteLength());
}

void MappingObject::unmap(const Napi::CallbackInfo&) {
  detach_view();
  region_.reset();
}

Napi::Value map_binding(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const SharedFd fd = FdObject::shared(info[0], "fd");
  const uint64_t length = to_uint64(info[1], "length");
  const std::string access = to_text(info[2], "access");
  if (access != "read-only" && access != "read-write") {
    throw Napi::TypeError::New(env, "access must be 'read-only' or 'read-write'");
  }
  auto region = call_core(
      env, [&] { return std::make_shared<MappedRegion>(fd->get(), length, access == "read-write"); });
  return Environment::of(env).mapping_class.New({Napi::External<void>::New(env, &region)});
}

}  // namespace dmabufd
