#include "binding/seqpacket_object.h"

#include <sys/socket.h>
#include <uv.h>

#include <vector>

#include "binding/arguments.h"
#include "binding/environment.h"
#include "binding/fd_object.h"
#include "binding/peer_value.h"
#include "socket/datagram.h"
#include "socket/unix_socket.h"

namespace dmabufd {
namespace {

// Larger than any datagram of the protocol, so that a truncated one is never one of the protocol's.
constexpr size_t kMaxDatagram = 65536;
// How many datagrams are taken in one turn of the event loop.
constexpr int kFairShare = 64;
constexpr napi_type_tag kSeqpacketTag{0x646d616275666431, 0x7365717061636b74};

}  // namespace

Napi::Function SeqpacketObject::define(Napi::Env env) {
  return DefineClass(
      env, "SeqpacketSocket",
      {InstanceAccessor<&SeqpacketObject::peer>("peer"), InstanceMethod<&SeqpacketObject::send>("send"),
       InstanceMethod<&SeqpacketObject::close>("close"), InstanceMethod<&SeqpacketObject::ref>("ref"),
       InstanceMethod<&SeqpacketObject::unref>("unref")});
}

SeqpacketObject::SeqpacketObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<SeqpacketObject>(info) {
  take_internal(info);
  info.This().As<Napi::Object>().TypeTag(&kSeqpacketTag);
}

void SeqpacketObject::open(UniqueFd socket, const Napi::Object& handlers) {
  const Napi::Env env = Env();
  on_datagram_.emplace(env, to_function(handlers.Get("onDatagram"), "onDatagram"));
  on_writable_.emplace(env, to_function(handlers.Get("onWritable"), "onWritable"));
  on_closed_.emplace(env, to_function(handlers.Get("onClosed"), "onClosed"));
  received_.resize(kMaxDatagram);
  socket_ = std::move(socket);
  poll_ = std::make_unique<PollHandle>(env, socket_.get(), [this](int events) { ready(events); });
  poll_->watch(UV_READABLE);
  Ref();
}

void SeqpacketObject::ready(int events) {
  if ((events & UV_WRITABLE) != 0 && blocked_) {
    blocked_ = false;
    poll_->watch(UV_READABLE);
    on_writable_->call({});
  }
  if ((events & UV_READABLE) != 0) receive_all();
}

void SeqpacketObject::receive_all() {
  for (int i = 0; i < kFairShare && socket_.valid(); i++) {
    const Napi::HandleScope scope(Env());
    if (!receive_one()) return;
  }
}

// Returns false when there is nothing more to receive.
bool SeqpacketObject::receive_one() {
  const Napi::Env env = Env();
  Datagram datagram;
  try {
    switch (receive_datagram(socket_.get(), received_.data(), received_.size(), datagram)) {
      case Received::kNothing:
        return false;
      case Received::kClosed:
        fail(env.Null());
        return false;
      case Received::kTruncated:
        fail(to_js_error(env, SystemError(EMSGSIZE, "recvmsg")).Value());
        return false;
      case Received::kDatagram:
        break;
    }
  } catch (const SystemError& failure) {
    // ECONNRESET comes before what the peer had sent last: take that first, then the end of the connection.
    if (failure.error() == ECONNRESET) return true;
    fail(to_js_error(env, failure).Value());
    return false;
  }
  Napi::Array fds = Napi::Array::New(env, datagram.fds.size());
  for (uint32_t i = 0; i < datagram.fds.size(); i++) fds.Set(i, FdObject::wrap(env, std::move(datagram.fds[i])));
  on_datagram_->call({pool_.copy(env, received_.data(), datagram.length), fds});
  return true;
}

void SeqpacketObject::fail(const Napi::Value& error) {
  close_now();
  on_closed_->call({error});
}

void SeqpacketObject::close_now() {
  if (!socket_.valid()) return;
  poll_->close();
  socket_.reset();
  Unref();
}

Napi::Value SeqpacketObject::peer(const Napi::CallbackInfo& info) {
  check_receiver(info, kSeqpacketTag);
  const Napi::Env env = info.Env();
  if (!socket_.valid()) throw to_js_error(env, SystemError(EBADF, "SeqpacketSocket"));
  return to_js(env, call_core(env, [&] { return peer_credentials(socket_.get()); }));
}

Napi::Value SeqpacketObject::send(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::vector<uint8_t> bytes = to_bytes(info[0], "bytes");
  const std::vector<SharedFd> shared = FdObject::shared_all(info[1], "fds");
  if (!socket_.valid()) throw to_js_error(env, SystemError(EBADF, "SeqpacketSocket"));
  std::vector<int> fds;
  fds.reserve(shared.size());
  for (const SharedFd& fd : shared) fds.push_back(fd->get());
  const bool sent = call_core(
      env, [&] { return send_datagram(socket_.get(), {bytes.data(), bytes.size(), fds.data(), fds.size()}); });
  if (!sent && !blocked_) {
    blocked_ = true;
    poll_->watch(UV_READABLE | UV_WRITABLE);
  }
  return Napi::Boolean::New(env, sent);
}

void SeqpacketObject::close(const Napi::CallbackInfo&) { close_now(); }

void SeqpacketObject::ref(const Napi::CallbackInfo&) { poll_->ref(); }

void SeqpacketObject::unref(const Napi::CallbackInfo&) { poll_->unref(); }

Napi::Value connect_seqpacket_binding(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::string path = to_text(info[0], "path");
  const Napi::Object handlers = to_object(info[1], "handlers");
  UniqueFd socket = call_core(env, [&] { return connect_unix(SOCK_SEQPACKET, path); });
  const Napi::Object object =
      Environment::of(env).seqpacket_class.New({Napi::External<void>::New(env, &socket)});
  call_core(env, [&] {
    SeqpacketObject::Unwrap(object)->open(std::move(socket), handlers);
    return true;
  });
  return object;
}

}  // namespace dmabufd
