// The JavaScript class SeqpacketSocket: a client's end of a SOCK_SEQPACKET connection, polled by the event loop. Keeps itself
// alive until it is closed.
#pragma once

#include <napi.h>

#include <memory>
#include <optional>
#include <vector>

#include "binding/byte_pool.h"
#include "binding/js_callback.h"
#include "binding/poll_handle.h"
#include "kernel/unique_fd.h"

namespace dmabufd {

class SeqpacketObject : public Napi::ObjectWrap<SeqpacketObject> {
 public:
  static Napi::Function define(Napi::Env env);

  explicit SeqpacketObject(const Napi::CallbackInfo& info);

  // Called once, right after construction.
  void open(UniqueFd socket, const Napi::Object& handlers);

 private:
  void ready(int events);
  void receive_all();
  bool receive_one();
  void fail(const Napi::Value& error);
  void close_now();

  Napi::Value peer(const Napi::CallbackInfo& info);
  Napi::Value send(const Napi::CallbackInfo& info);
  void close(const Napi::CallbackInfo& info);
  void ref(const Napi::CallbackInfo& info);
  void unref(const Napi::CallbackInfo& info);

  UniqueFd socket_;
  std::unique_ptr<PollHandle> poll_;
  std::optional<JsCallback> on_datagram_;
  std::optional<JsCallback> on_writable_;
  std::optional<JsCallback> on_closed_;
  bool blocked_ = false;
  // The datagram that is being received. Room for the largest one would be costly to clear anew for each.
  std::vector<uint8_t> received_;
  BytePool pool_;
};

// connectSeqpacket(path, handlers)
Napi::Value connect_seqpacket_binding(const Napi::CallbackInfo& info);

}  // namespace dmabufd
