#include "binding/watch_objects.h"

#include <fcntl.h>
#include <poll.h>
#include <uv.h>

#include "binding/arguments.h"
#include "binding/environment.h"
#include "binding/fd_object.h"
#include "binding/peer_value.h"
#include "socket/peer_credentials.h"
#include "socket/unix_socket.h"

namespace dmabufd {
namespace {

// How many connections are handed out in one turn of the event loop: each costs JavaScript a good part of a millisecond.
constexpr int kFairShare = 4;
// How many are accepted for that, at most.
constexpr int kMostAccepted = 128;

bool has_hung_up(int socket) {
  pollfd asked{socket, 0, 0};
  return ::poll(&asked, 1, 0) == 1 && (asked.revents & POLLHUP) != 0;
}

}  // namespace

Napi::Function FdWatchObject::define(Napi::Env env) {
  return DefineClass(env, "FdWatch", {InstanceMethod<&FdWatchObject::close>("close")});
}

FdWatchObject::FdWatchObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<FdWatchObject>(info) {
  take_internal(info);
}

void FdWatchObject::open(UniqueFd fd, int events, const Napi::Function& on_ready) {
  on_ready_.emplace(Env(), on_ready);
  fd_ = std::move(fd);
  poll_ = std::make_unique<PollHandle>(Env(), fd_.get(), [this](int) { ready(); });
  poll_->watch(events);
  Ref();
}

void FdWatchObject::ready() {
  close_now();
  on_ready_->call({});
}

void FdWatchObject::close_now() {
  if (!fd_.valid()) return;
  poll_->close();
  fd_.reset();
  Unref();
}

void FdWatchObject::close(const Napi::CallbackInfo&) { close_now(); }

Napi::Value watch_fd_binding(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const SharedFd fd = FdObject::shared(info[0], "fd");
  const std::string direction = to_text(info[1], "direction");
  if (direction != "readable" && direction != "writable") {
    throw Napi::TypeError::New(env, "direction must be 'readable' or 'writable'");
  }
  const Napi::Function on_ready = to_function(info[2], "onReady");
  UniqueFd own = call_core(
      env, [&] { return UniqueFd(check(::fcntl(fd->get(), F_DUPFD_CLOEXEC, 0), "fcntl(F_DUPFD_CLOEXEC)")); });
  const Napi::Object object = Environment::of(env).fd_watch_class.New({Napi::External<void>::New(env, &own)});
  call_core(env, [&] {
    const int events = direction == "readable" ? UV_READABLE : UV_WRITABLE;
    FdWatchObject::Unwrap(object)->open(std::move(own), events, on_ready);
    return true;
  });
  return object;
}

Napi::Function StreamListenerObject::define(Napi::Env env) {
  return DefineClass(env, "StreamListener", {InstanceMethod<&StreamListenerObject::close>("close")});
}

StreamListenerObject::StreamListenerObject(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<StreamListenerObject>(info) {
  take_internal(info);
}

void StreamListenerObject::open(Listener listener, const Napi::Function& on_connection) {
  on_connection_.emplace(Env(), on_connection);
  relayed_ = !refuses_fds(listener.fd.get());
  acceptor_ = std::make_unique<Acceptor>(std::move(listener));
  poll_ = std::make_unique<PollHandle>(Env(), acceptor_->listener(), [this](int) { accept_all(); });
  poll_->watch(UV_READABLE);
  Ref();
}

void StreamListenerObject::accept_all() {
  int handed_out = 0;
  for (int i = 0; i < kMostAccepted && handed_out < kFairShare && acceptor_ != nullptr; i++) {
    try {
      ClientSocket connection(acceptor_->accept());
      if (!connection.valid()) return;
      // Whoever connects and leaves at once costs nobody anything, or a storm of them leaves no room for others.
      if (has_hung_up(connection.get())) continue;
      handed_out++;
      hand_out(std::move(connection));
    } catch (const SystemError&) {
      // A connection that cannot be identified, or relayed, is closed; the listener goes on.
    }
  }
}

void StreamListenerObject::hand_out(ClientSocket connection) {
  const Napi::Env env = Env();
  const Napi::HandleScope scope(env);
  PeerCredentials peer = peer_credentials(connection.get());
  UniqueFd socket =
      relayed_ ? Environment::of(env).stream_relay.relay(std::move(connection)) : connection.release();
  on_connection_->call({FdObject::wrap(env, std::move(socket)), to_js(env, std::move(peer))});
}

void StreamListenerObject::close_now() {
  if (acceptor_ == nullptr) return;
  poll_->close();
  acceptor_.reset();
  Unref();
}

void StreamListenerObject::close(const Napi::CallbackInfo&) { close_now(); }

Napi::Value accept_streams_binding(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Function on_connection = to_function(info[1], "onConnection");
  const bool is_shared = flag_or(info[2], "isShared", false);
  UniqueFd listener = FdObject::take(info[0], "listener");
  const Napi::Object object =
      Environment::of(env).stream_listener_class.New({Napi::External<void>::New(env, &listener)});
  call_core(env, [&] {
    StreamListenerObject::Unwrap(object)->open({std::move(listener), is_shared}, on_connection);
    return true;
  });
  return object;
}

}  // namespace dmabufd
