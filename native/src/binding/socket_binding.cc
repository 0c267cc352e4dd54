#include <sys/socket.h>

#include "binding/arguments.h"
#include "binding/bindings.h"
#include "binding/fd_object.h"
#include "binding/peer_value.h"
#include "binding/promise_work.h"
#include "kernel/record_lock.h"
#include "socket/notification.h"
#include "socket/peer_credentials.h"
#include "socket/unix_socket.h"

namespace dmabufd {
namespace {

// The service manager is process 1: it is expected to take what it is sent.
constexpr int kNotificationTimeoutMs = 5000;

}  // namespace

Napi::Object to_js(Napi::Env env, PeerCredentials peer) {
  Napi::Array groups = Napi::Array::New(env, peer.groups.size());
  for (uint32_t i = 0; i < peer.groups.size(); i++) groups.Set(i, Napi::Number::New(env, peer.groups[i]));
  Napi::Object object = Napi::Object::New(env);
  object.Set("pid", peer.pid);
  object.Set("uid", peer.uid);
  object.Set("gid", peer.gid);
  object.Set("groups", groups);
  object.Set("pidfsInode", static_cast<double>(peer.pidfs_inode));
  object.Set("pidfd", FdObject::wrap_or_null(env, std::move(peer.pidfd)));
  return object;
}

Napi::Value listen_unix_binding(const Napi::CallbackInfo& info) {
  const std::string type = to_text(info[0], "type");
  if (type != "stream" && type != "seqpacket") {
    throw Napi::TypeError::New(info.Env(), "type must be 'stream' or 'seqpacket'");
  }
  const std::string path = to_text(info[1], "path");
  const auto mode = static_cast<mode_t>(to_uint32(info[2], "mode"));
  const int socket_type = type == "stream" ? SOCK_STREAM : SOCK_SEQPACKET;
  return FdObject::wrap(info.Env(), call_core(info.Env(), [&] { return listen_unix(socket_type, path, mode); }));
}

Napi::Value peer_of_binding(const Napi::CallbackInfo& info) {
  const SharedFd socket = FdObject::shared(info[0], "socket");
  return to_js(info.Env(), call_core(info.Env(), [&] { return peer_credentials(socket->get()); }));
}

Napi::Value open_pidfd_binding(const Napi::CallbackInfo& info) {
  const auto pid = static_cast<pid_t>(to_uint32(info[0], "pid"));
  return FdObject::wrap(info.Env(), call_core(info.Env(), [&] { return open_pidfd(pid); }));
}

Napi::Value lock_file_binding(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::string path = to_text(info[0], "path");
  LockOutcome outcome = call_core(env, [&] { return lock_file(path); });
  Napi::Object result = Napi::Object::New(env);
  const bool held = outcome.fd.valid();
  result.Set("holderPid", held ? env.Null() : Napi::Value(Napi::Number::New(env, outcome.holder_pid)));
  result.Set("fd", FdObject::wrap_or_null(env, std::move(outcome.fd)));
  return result;
}

Napi::Value send_notification_binding(const Napi::CallbackInfo& info) {
  std::string address = to_text(info[0], "address");
  std::string text = to_text(info[1], "text");
  std::vector<SharedFd> fds = FdObject::shared_all(info[2], "fds");
  return PromiseWork<bool>::start(
      info.Env(),
      [address = std::move(address), text = std::move(text), fds = std::move(fds)] {
        std::vector<int> numbers;
        numbers.reserve(fds.size());
        for (const SharedFd& fd : fds) numbers.push_back(fd->get());
        send_notification(address, text, numbers, kNotificationTimeoutMs);
        return true;
      },
      [](Napi::Env env, bool) { return env.Undefined(); });
}

Napi::Value socket_type_binding(const Napi::CallbackInfo& info) {
  const SharedFd socket = FdObject::shared(info[0], "socket");
  const SocketType type = call_core(info.Env(), [&] { return socket_type(socket->get()); });
  Napi::Object result = Napi::Object::New(info.Env());
  result.Set("type", type.is_seqpacket ? "seqpacket" : type.is_stream ? "stream" : "other");
  result.Set("isListening", type.is_listening);
  return result;
}

}  // namespace dmabufd
