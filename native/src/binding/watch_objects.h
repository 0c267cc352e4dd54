// Two small things that the event loop polls for JavaScript: FdWatch, which tells once that an fd is ready, and
// StreamListener, which accepts connections and says who they are. Each keeps itself alive until it is closed.
#pragma once

#include <napi.h>

#include <memory>
#include <optional>

#include "binding/js_callback.h"
#include "binding/poll_handle.h"
#include "kernel/unique_fd.h"
#include "socket/acceptor.h"

namespace dmabufd {

class FdWatchObject : public Napi::ObjectWrap<FdWatchObject> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit FdWatchObject(const Napi::CallbackInfo& info);

  // Called once, right after construction. `fd` is a descriptor of this object's own: libuv watches a number only once.
  void open(UniqueFd fd, int events, const Napi::Function& on_ready);

 private:
  void ready();
  void close_now();
  void close(const Napi::CallbackInfo& info);

  UniqueFd fd_;
  std::unique_ptr<PollHandle> poll_;
  std::optional<JsCallback> on_ready_;
};

class StreamListenerObject : public Napi::ObjectWrap<StreamListenerObject> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit StreamListenerObject(const Napi::CallbackInfo& info);

  // Called once, right after construction.
  void open(Listener listener, const Napi::Function& on_connection);

 private:
  void accept_all();
  void hand_out(ClientSocket connection);
  void close_now();
  void close(const Napi::CallbackInfo& info);

  bool relayed_ = false;  // whether clients may attach fds, which the relay keeps away
  std::unique_ptr<Acceptor> acceptor_;
  std::unique_ptr<PollHandle> poll_;
  std::optional<JsCallback> on_connection_;
};

// watchFd(fd, direction, onReady)
Napi::Value watch_fd_binding(const Napi::CallbackInfo& info);
// acceptStreams(listener, onConnection)
Napi::Value accept_streams_binding(const Napi::CallbackInfo& info);

}  // namespace dmabufd
