// A libuv poll handle: calls back on the event loop when an fd is ready.
//
// Owns the handle, not the fd; the fd stays open until close() has been called. libuv frees the handle in a later turn
// of the loop, so it lives on the heap and outlasts this object.
#pragma once

#include <napi.h>

#include <functional>

namespace dmabufd {

class PollHandle {
 public:
  // `on_ready` gets libuv's events (UV_READABLE, UV_WRITABLE); it may close this handle. libuv's errors (the fd is not
  // pollable) count as ready, so that the system call that follows tells what is wrong.
  PollHandle(Napi::Env env, int fd, std::function<void(int events)> on_ready);
  ~PollHandle();
  PollHandle(const PollHandle&) = delete;
  PollHandle(PollHandle&&) = delete;
  PollHandle& operator=(const PollHandle&) = delete;
  PollHandle& operator=(PollHandle&&) = delete;

  void watch(int events);
  void close();
  void ref();
  void unref();

 private:
  struct State;
  State* state_;
};

}  // namespace dmabufd
